# SPDX-License-Identifier: GPL-2.0-only
"""
A frontend of class vib that can do anything: /dev/ibrogue (the module
xen-ibrogue) for pages, grants and frames, /dev/xen/evtchn for event channels,
and xenstore spoken by hand. Numbers and layouts are those of vibif.h.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import time

PAGE = 4096
SLOT = 128
GREFS_PER_PAGE = 1023
RING = 64                       # offset of the first slot
MAD_SLOT = 384
ALIVE = 10                      # seconds that a backend may take for a step
UNKNOWN = 0x3fffffff            # a reference that stands for nothing

(INITIALISING, INITWAIT, INITIALISED, CONNECTED, CLOSING, CLOSED) = range(1, 7)

(QUERY_DEVICE, QUERY_PORT, QUERY_GID, QUERY_PKEY, ALLOC_CONTEXT, ALLOC_PD,
 REG_MR, REREG_MR, CREATE_CQ, MODIFY_CQ, RESIZE_CQ, CREATE_SRQ, MODIFY_SRQ,
 QUERY_SRQ, CREATE_QP, MODIFY_QP, QUERY_QP, ATTACH_MCAST, DETACH_MCAST,
 DESTROY, ALLOC_XRCD, ALLOC_MW, SET_ADDRS,
 QUERY_COUNTERS, RETIRE_MR) = OPERATIONS = range(1, 26)

(LOCAL_WRITE, REMOTE_WRITE, REMOTE_READ, REMOTE_ATOMIC, MW_BIND) = (
    1 << i for i in range(5))
WRITABLE, REREG_TRANS, REREG_PD, REREG_ACCESS, SHARE = (
    1 << i for i in range(5))
RC, UC, UD, XRC_INI, XRC_TGT = 2, 3, 4, 9, 10
HAS_RQ = 1
AV_GRH = 1
SUBN_ADM, PERF_MGMT, DEV_MGMT, COMM_MGMT, VENDOR = 3, 4, 6, 7, 0x32
GET, SET, SEND, GET_TABLE, DELETE, RESPONSE = 1, 2, 3, 0x12, 0x15, 0x80
# Messages of the communication manager (CM)
(CM_REQ, CM_MRA, CM_REJ, CM_REP, CM_RTU, CM_DREQ, CM_DREP, CM_SIDR_REQ,
 CM_SIDR_REP, CM_LAP, CM_APR) = range(0x10, 0x1b)
PORT_ACTIVE = 4


class Xenstore:
    """Xenstore without a library: message type, request, transaction, length,
    and a payload."""

    READ, WRITE, RM, ERROR = 2, 11, 13, 16

    def __init__(self):
        self.fd = os.open("/dev/xen/xenbus", os.O_RDWR)

    def ask(self, kind, payload):
        os.write(self.fd, struct.pack("<IIII", kind, 0, 0, len(payload)) +
                 payload)
        kind, _, _, length = struct.unpack("<IIII", os.read(self.fd, 16))
        answer = b""
        while len(answer) < length:
            answer += os.read(self.fd, length - len(answer))
        if kind == self.ERROR:
            raise OSError(answer.rstrip(b"\0").decode())
        return answer

    def read(self, path):
        """What a node says, None if there is none."""
        try:
            return self.ask(self.READ, path.encode() + b"\0").decode()
        except OSError:
            return None

    def write(self, path, value):
        self.ask(self.WRITE, path.encode() + b"\0" + str(value).encode())

    def remove(self, path):
        self.ask(self.RM, path.encode() + b"\0")


class Pages:
    """Pages of memory that can be granted."""

    def __init__(self, rogue, nr):
        self.rogue, self.nr = rogue, nr
        _, self.first = struct.unpack("II", rogue.ioctl(
            0, struct.pack("II", nr, 0)))
        self.map = mmap.mmap(rogue.file, nr * PAGE, offset=self.first * PAGE)

    def grant(self, i=0, readonly=False, domid=0):
        return self.rogue.grant(self.first + i, readonly, domid)

    def grant_all(self, readonly=False):
        return [self.grant(i, readonly) for i in range(self.nr)]


class Rogue:
    """The frontend. What is not said is done honestly."""

    FRAME, READONLY = 1, 2
    IO_PAGE = 1 << 40

    def __init__(self, devid=0):
        self.file = os.open("/dev/ibrogue", os.O_RDWR)
        self.evtchn = os.open("/dev/xen/evtchn", os.O_RDWR)
        self.xs = Xenstore()
        self.dir = "device/vib/%d" % devid
        self.backend = self.xs.read(self.dir + "/backend")
        self.refs = set()
        self.nodes = []
        self.id = 0
        with open("/sys/hypervisor/guest_type", encoding="ascii") as f:
            self.pv = f.read().strip() == "PV"

    # What the module does

    def ioctl(self, number, arg):
        code = 3 << 30 | len(arg) << 16 | ord("R") << 8 | number
        return fcntl.ioctl(self.file, code, arg)

    def grant(self, number, readonly=False, domid=0, flags=0):
        arg = struct.pack("QHHI", number, domid,
                          flags | (self.READONLY if readonly else 0), 0)
        ref = struct.unpack("QHHI", self.ioctl(1, arg))[3]
        self.refs.add(ref)
        return ref

    def grant_frame(self, frame, readonly=False):
        return self.grant(frame, readonly, flags=self.FRAME)

    def revoke(self, ref):
        """Fails with EBUSY as long as the other side has it mapped."""
        fcntl.ioctl(self.file, ord("R") << 8 | 2, ref)
        self.refs.discard(ref)

    def page_table(self, address):
        """The frame of the page table that maps an address of ours."""
        return struct.unpack("QQ", self.ioctl(
            3, struct.pack("QQ", address, 0)))[1]

    def map_frame(self, frame):
        return mmap.mmap(self.file, PAGE, offset=(self.IO_PAGE + frame) * PAGE)

    # The handshake

    def wait_backend(self, *states, timeout=ALIVE):
        deadline = time.monotonic() + timeout
        while True:
            state = int(self.xs.read(self.backend + "/state") or 0)
            if state in states:
                return state
            assert time.monotonic() < deadline, \
                "backend is in state %d, not in %s" % (state, states)
            time.sleep(0.02)

    def state(self, state):
        self.xs.write(self.dir + "/state", state)

    def channel(self):
        # Of an argument that can be changed it returns the ioctl's own value
        return fcntl.ioctl(self.evtchn, ord("E") << 8 | 4 << 16 | 2,
                           bytearray(4))

    def prepare(self, ring_order=1, event_order=3, mad_order=None):
        """Get the backend to InitWait; returns what an honest frontend would
        then write."""
        self.state(INITIALISING)
        self.wait_backend(INITWAIT)
        self.slots = [0, 0]
        ring = Pages(self, 1 << ring_order)
        self.ring = ring.map
        self.size = {0: 16, 1: 32, 2: 64, 3: 128, 4: 256}[ring_order]
        self.index = (ctypes.c_uint32 * 4).from_buffer(self.ring)
        self.index[1] = self.index[3] = 1
        self.prod = self.cons = 0
        self.area = Pages(self, 1 << event_order)
        self.port = self.channel()
        nodes = {"version": 1, "req-ring-page-order": ring_order,
                 "req-event-channel": self.port,
                 "evt-page-order": event_order,
                 "evt-event-channel": self.channel()}
        for i, ref in enumerate(ring.grant_all()):
            nodes["req-ring-ref%d" % i] = ref
        for i, ref in enumerate(self.area.grant_all()):
            nodes["evt-page-ref%d" % i] = ref
        if mad_order is not None:
            self.mads = Mads(self, mad_order)
            nodes["mad-page-order"] = mad_order
            nodes["mad-event-channel"] = self.mads.port
            for i, ref in enumerate(self.mads.pages.grant_all()):
                nodes["mad-page-ref%d" % i] = ref
        return nodes

    def announce(self, nodes):
        for name, value in nodes.items():
            self.xs.write(self.dir + "/" + name, value)
            self.nodes.append(name)
        self.state(INITIALISED)

    def connect(self, **orders):
        self.announce(self.prepare(**orders))
        self.wait_backend(CONNECTED)
        self.state(CONNECTED)
        return self

    def close(self):
        """In order; afterwards the backend has nothing of ours mapped."""
        self.state(CLOSING)
        self.wait_backend(CLOSING)
        self.state(CLOSED)
        self.closed()

    def closed(self):
        """The backend has closed, and given all of it back. What was announced
        goes first: its references will be others'."""
        self.wait_backend(CLOSED)
        self.state(CLOSED)
        for name in self.nodes:
            self.xs.remove(self.dir + "/" + name)
        self.nodes = []
        for ref in list(self.refs):
            self.revoke(ref)

    # The ring

    def notify(self, port=None):
        fcntl.ioctl(self.evtchn, ord("E") << 8 | 4 << 16 | 4,
                    struct.pack("I", port or self.port))

    def slot(self, i):
        """Where slot i of the ring begins."""
        return RING + SLOT * (i % self.size)

    def write(self, op, handle=0, body=b"", reserved=0):
        """Put a request into the ring, without saying so; returns its id."""
        self.id = (self.id + 1) & 0xffff
        at = self.slot(self.prod)
        self.ring[at:at + SLOT] = struct.pack(
            "<HBBI120s", self.id, op, reserved, handle, body)
        self.prod = (self.prod + 1) & 0xffffffff
        return self.id

    def push(self, prod=None):
        self.index[0] = self.prod if prod is None else prod
        self.notify()

    def take(self, timeout=ALIVE):
        """The next response: id, operation, status, the rest."""
        deadline = time.monotonic() + timeout
        while self.index[2] == self.cons:
            assert time.monotonic() < deadline, "no response"
            time.sleep(0.001)
        at = self.slot(self.cons)
        ident, op, reserved, status, body = struct.unpack(
            "<HBBi120s", self.ring[at:at + SLOT])
        assert not reserved
        assert not status or not any(body), "a failure that tells something"
        self.cons += 1
        return ident, op, status, body

    def ask(self, op, handle=0, body=b"", reserved=0):
        """A request and its response: status, the rest."""
        ident = self.write(op, handle, body, reserved)
        self.push()
        answer = self.take()
        assert answer[:2] == (ident, op), answer
        return answer[2:]

    def status(self, *request, **reserved):
        return self.ask(*request, **reserved)[0]

    def make(self, op, handle=0, body=b""):
        """A request that succeeds: the numbers it answers with."""
        status, answer = self.ask(op, handle, body)
        assert status == 0, "operation %d: status %d" % (op, status)
        return struct.unpack("<IIIIII", answer[:24])

    # Objects: bodies of requests, made from what an honest one would say

    def memory(self, nr, readonly=False):
        """Pages with their directory: (pages, reference of the directory,
        references)."""
        pages = Pages(self, nr)
        refs = pages.grant_all(readonly)
        return pages, self.directory(refs), refs

    def directory(self, refs):
        parts = [refs[i:i + GREFS_PER_PAGE]
                 for i in range(0, len(refs), GREFS_PER_PAGE)]
        pages = Pages(self, len(parts))
        grants = pages.grant_all(readonly=True) + [UNKNOWN]
        for i, part in enumerate(parts):
            part = part + [UNKNOWN] * (GREFS_PER_PAGE - len(part))
            struct.pack_into("<1024I", pages.map, i * PAGE, grants[i + 1],
                             *part)
        self.directory_pages = pages
        return grants[0]

    @staticmethod
    def mr(pd, directory, nr, access=0, flags=0, iova=0, length=None,
           source=0):
        return struct.pack("<QQIIIIII", iova,
                           nr * PAGE if length is None else length, pd, access,
                           flags, source, directory, nr)

    @staticmethod
    def share(pd, source, nr, access=0, directory=0, **other):
        return Rogue.mr(pd, directory, 0, access, **{
            "flags": SHARE, "length": nr * PAGE, "source": source, **other})

    @staticmethod
    def cq(context, directory, db, entries=64, nr=1, vector=0, cqe=64):
        return struct.pack("<IIIIIIIHH", context, entries, vector, 0,
                           directory, nr, db, 0, 0)

    @staticmethod
    def srq(pd, directory, db, cq=0, xrcd=0, kind=0, log_count=6, log_stride=6,
            nr=1):
        return struct.pack("<IIIBBBBIIIHH", pd, cq, xrcd, kind, log_count,
                           log_stride, 0, directory, nr, db, 0, 0)

    @staticmethod
    def qp(context, pd, send_cq, recv_cq, directory, db, srq=0, xrcd=0,
           kind=RC, flags=HAS_RQ, sq=(4, 6), rq=(4, 6), nr=1):
        return struct.pack("<IIIIIIBBBBBBHIIIHH", context, pd, send_cq,
                           recv_cq, srq, xrcd, kind, flags, *sq, *rq, 0,
                           directory, nr, db, 0, 0)


class Mads:
    """The MAD area, and what an honest frontend would put into it."""

    TX_PROD, TX_CONS, RX_PROD, RX_CONS, RX_DROPPED = (16 * i for i in range(5))

    def __init__(self, r, order):
        self.r = r
        self.tx, self.rx = 2 << order, 8 << order
        self.pages = Pages(r, 1 << order)
        self.index = (ctypes.c_uint32 * 80).from_buffer(self.pages.map)
        self.port = r.channel()

    def lids(self, port=1):
        """The port's own, and the SM's."""
        status, answer = self.r.ask(QUERY_PORT, 0, bytes([port]))
        assert status == 0
        return struct.unpack_from("<HH", answer, 20)

    @staticmethod
    def mad(mgmt_class, method, attr=1, tid=0, mod=0, body=b"", rmpp=(0, 0),
            version=None):
        """The octets of a MAD; `body` is what is behind the RMPP header."""
        if version is None:
            version = 2 if mgmt_class == SUBN_ADM else 1
        if mgmt_class == VENDOR and not body:
            body = b"\0\0\x14\5"
        return struct.pack(">BBBBHHQHHIBBBBII220s", 1, mgmt_class, version,
                           method, 0, 0, tid, attr, 0, mod, 1, *rmpp, 0, 0, 0,
                           body)

    @staticmethod
    def slot(mad, dlid, port=1, reserved=0, pkey_index=0, qpn=1, dgid=b"",
             sgid_index=0, sl=0, flags=0, grh=b"", reserved1=b""):
        return struct.pack("<BBHI16sIHBBBBBBB3x40s48s256s", port, reserved,
                           pkey_index, qpn, dgid, 0, dlid, sgid_index, 0, 0,
                           sl, 0, 0, flags, grh, reserved1, mad)

    def write(self, slot):
        """Put one into the next slot, without saying so."""
        prod = self.index[self.TX_PROD]
        at = MAD_SLOT * (1 + prod % self.tx)
        self.pages.map[at:at + MAD_SLOT] = slot
        self.index[self.TX_PROD] = prod + 1 & 0xffffffff

    def notify(self):
        self.r.notify(self.port)

    def wait_taken(self, room=None, timeout=ALIVE):
        """Until so many slots are free, or all."""
        deadline = time.monotonic() + timeout
        while self.index[self.TX_PROD] - self.index[self.TX_CONS] > \
                self.tx - (room or self.tx):
            assert time.monotonic() < deadline, "MADs are not taken"
            time.sleep(0.001)

    def send(self, *slots):
        """All of them, and wait until they are taken."""
        for slot in slots:
            self.wait_taken(1)
            self.write(slot)
            self.notify()
        self.wait_taken()

    def pending(self):
        return self.index[self.RX_PROD] != self.index[self.RX_CONS]

    def take(self, timeout=ALIVE):
        """The next MAD to us: its slot's head, and its octets."""
        deadline = time.monotonic() + timeout
        while not self.pending():
            assert time.monotonic() < deadline, "no MAD"
            time.sleep(0.001)
        cons = self.index[self.RX_CONS]
        at = MAD_SLOT * (1 + self.tx + cons % self.rx)
        slot = self.pages.map[at:at + MAD_SLOT]
        self.index[self.RX_CONS] = cons + 1 & 0xffffffff
        return slot[:128], slot[128:]

    def ask(self, mad, dlid, **other):
        """A MAD and its answer: the status, and all of it."""
        self.send(self.slot(mad, dlid, **other))
        head, answer = self.take()
        assert answer[8:16] == mad[8:16], "another's transaction"
        assert answer[1] == mad[1] and answer[3] & RESPONSE, answer.hex()
        assert struct.unpack_from("<H", head, 28)[0] == dlid, head.hex()
        return struct.unpack_from(">H", answer, 4)[0], answer


class Caller:
    """What a guest may say of itself in messages of the CM, and messages that
    say so. All of them are to itself: what goes out comes back."""

    SERVICE = bytes.fromhex("1000000000abcdef")     # nobody listens to it

    def __init__(self, r):
        self.r, self.m, self.objects = r, r.mads, Objects(r)
        self.lid, self.sm_lid = self.wait_port()
        self.gid = r.ask(QUERY_GID, 0, b"\1\0\0\0")[1][:16]
        page = Pages(r, 1)
        r.make(QUERY_DEVICE, 0, struct.pack("<I", page.grant()))
        self.guid = page.map[8:16]
        self.hca_guid, self.port_gid = self.ask_of_hca()

    def wait_port(self):
        """Its GID is settled when its port is active; then its LIDs."""
        deadline = time.monotonic() + 30
        while True:
            status, answer = self.r.ask(QUERY_PORT, 0, b"\1")
            assert status == 0
            if answer[28] == PORT_ACTIVE:
                return struct.unpack_from("<HH", answer, 20)
            assert time.monotonic() < deadline, "port in state %d" % answer[28]
            time.sleep(0.1)

    def ask_of_hca(self):
        """The HCA's node GUID and its port's GID, by the NodeRecord."""
        status, answer = self.m.ask(self.m.mad(
            SUBN_ADM, GET, attr=0x11, body=struct.pack(
                ">QHHQH", 0, 0, 0, 1, self.lid)), self.sm_lid)
        assert status == 0, "status %#x" % status
        return answer[72:80], self.gid[:8] + answer[80:88]

    @staticmethod
    def qpn(number):
        """As messages have it."""
        return (number & 0xffffff).to_bytes(3, "big")

    @staticmethod
    def message(attr, tid, local=0, remote=0, said=(), head=(1, 2, SEND)):
        """The octets of one; `said`: what is where behind the MAD's header."""
        data = bytearray(232)
        struct.pack_into(">II", data, 0, local, remote)
        for at, octets in dict(said).items():
            data[at:at + len(octets)] = octets
        base, version, method = head
        return struct.pack(">BBBBHHQHHI", base, COMM_MGMT, version, method, 0,
                           0, tid, attr, 0, 0) + data

    def req(self, tid, local, other=(), **head):
        lid = self.lid.to_bytes(2, "big")
        return self.message(CM_REQ, tid, local, 0, {
            8: self.SERVICE, 16: self.guid, 32: self.qpn(self.objects.qpn),
            48: b"\xff\xff", 52: lid, 54: lid, 56: self.gid, 72: self.gid,
            **dict(other)}, **head)

    def rep(self, tid, local, remote, other=()):
        return self.message(CM_REP, tid, local, remote, {
            12: self.qpn(self.objects.qpn), 28: self.guid, **dict(other)})

    def send(self, *messages):
        self.m.send(*(self.m.slot(mad, self.lid) for mad in messages))

    def take(self, attr, tid):
        """The next MAD to us, which must be this: its two IDs."""
        mad = self.m.take()[1]
        found = mad[1], *struct.unpack_from(">QH", mad, 8)
        assert found == (COMM_MGMT, tid, attr), mad.hex()
        return struct.unpack_from(">II", mad, 24)


class Objects:
    """One honest object of each kind; attributes are handles."""

    def __init__(self, r):
        self.r = r
        self.pages, self.directory, self.refs = r.memory(1)
        self.db = Pages(r, 1).grant(readonly=True)
        self.context, _, low, high, bf_low, bf_high = r.make(ALLOC_CONTEXT)
        self.uar_frame = high << 32 | low
        self.bf_frame = bf_high << 32 | bf_low
        self.pd, self.pdn = r.make(ALLOC_PD)[:2]
        self.mr, self.lkey, self.rkey = r.make(REG_MR, 0, r.mr(
            self.pd, self.directory, 1, LOCAL_WRITE, WRITABLE))[:3]
        self.cq, self.cqn = r.make(CREATE_CQ, 0, self.cq_body())[:2]
        self.srq, self.srqn = r.make(CREATE_SRQ, 0, self.srq_body())[:2]
        self.qp, self.qpn = r.make(CREATE_QP, 0, self.qp_body())[:2]
        self.mw = r.make(ALLOC_MW, 0, struct.pack("<II", self.pd, 1))[0]
        self.xrcd = r.make(ALLOC_XRCD)[0]

    def cq_body(self, **other):
        return self.r.cq(**{"context": self.context, "db": self.db,
                            "directory": self.directory, **other})

    def srq_body(self, **other):
        return self.r.srq(**{"pd": self.pd, "directory": self.directory,
                             "db": self.db, **other})

    def qp_body(self, **other):
        return self.r.qp(**{"context": self.context, "pd": self.pd,
                            "send_cq": self.cq, "recv_cq": self.cq,
                            "directory": self.directory, "db": self.db,
                            **other})

    def mr_body(self, **other):
        return self.r.mr(**{"pd": self.pd, "directory": self.directory,
                            "nr": 1, **other})
