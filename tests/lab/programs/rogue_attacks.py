# SPDX-License-Identifier: GPL-2.0-only
"""
What a hostile frontend tries, each with what the backend must say to it:

rogue_attacks.py NAME ...    prints "NAME: ok" for each that went as it must

Each begins with a new connection and ends with the device closed and every
grant revoked, which Xen allows only when nothing has it mapped any more.
"""

import errno
import os
import random
import struct
import sys
import threading
import time

import rogue as R
from rogue import UNKNOWN, Caller, Objects, Pages, Rogue

EPERM, ENOENT, ENOMEM, EFAULT, EBUSY, EINVAL, EOPNOTSUPP = (
    -getattr(errno, name) for name in (
        "EPERM", "ENOENT", "ENOMEM", "EFAULT", "EBUSY", "EINVAL",
        "EOPNOTSUPP"))
NOTHING = 0x7ffffff0        # no object's handle
NO_METHOD = 0x0c            # status of a MAD that is refused
GO = "/run/rogue.go"        # a file with which the test says to go on
CLAIMS = "/run/rogue.ips"   # and one with IP addresses that are others'

ATTACKS = {}


def attack(function):
    """A test that starts connected, and leaves the closing to others."""
    def run():
        r = Rogue().connect()
        function(r)
        r.close()
    ATTACKS[function.__name__] = run
    return function


def alone(function):
    """A test that connects and closes by itself."""
    ATTACKS[function.__name__] = function
    return function


def mads(function):
    """A test that starts connected, with a MAD area."""
    def run():
        r = Rogue().connect(mad_order=3)
        function(r, r.mads)
        r.close()
    ATTACKS[function.__name__] = run
    return function


def is_status(wanted, found, *what):
    assert found == wanted, (what, "status %d, not %d" % (found, wanted))


def revoked(r, refs):
    """Nothing of it is mapped any more."""
    for ref in refs:
        r.revoke(ref)


def go_ahead(said):
    """Say how far we are, and wait until the test has looked at it."""
    print(said, flush=True)
    deadline = time.monotonic() + 100
    while not os.path.exists(GO):
        assert time.monotonic() < deadline, "nobody said " + GO
        time.sleep(0.1)
    os.remove(GO)


# The ring

@alone
def overrun():
    """More requests than the ring has slots, with everything in use."""
    for prod in (33, 0x80000000, 0xffffffff):
        r = Rogue().connect()
        Objects(r)
        r.push((r.prod + prod) & 0xffffffff)
        r.closed()


@alone
def one_too_many():
    """The ring full of good requests, and one more."""
    r = Rogue().connect()
    for _ in range(33):
        r.write(R.ALLOC_PD)
    r.push()
    r.closed()


@attack
def full_ring(r):
    """As many as there are slots are answered, each once."""
    wanted = {r.write(R.QUERY_PORT, 0, b"\1") for _ in range(32)}
    r.push()
    assert {r.take()[0] for _ in range(32)} == wanted


@alone
def stale_ring():
    """A ring that has been used is none to begin with."""
    for index in (0, 2):
        r = Rogue()
        nodes = r.prepare()
        r.index[index] = 1
        r.announce(nodes)
        r.closed()


@attack
def unknown_operations(r):
    for op in (0, 26, 27, 127, 128, 255):
        is_status(EOPNOTSUPP, r.status(op), op)
    is_status(EOPNOTSUPP, r.status(255, NOTHING, 120 * b"\xff", 1))


# Octets of each operation's struct, and whether it takes a handle
SHAPES = {
    R.QUERY_DEVICE: (4, 0), R.QUERY_PORT: (1, 0), R.QUERY_GID: (4, 0),
    R.QUERY_PKEY: (4, 0), R.ALLOC_CONTEXT: (0, 0), R.ALLOC_PD: (0, 0),
    R.REG_MR: (40, 0), R.REREG_MR: (40, 1), R.CREATE_CQ: (32, 0),
    R.MODIFY_CQ: (4, 1), R.RESIZE_CQ: (12, 1), R.CREATE_SRQ: (32, 0),
    R.MODIFY_SRQ: (4, 1), R.QUERY_SRQ: (0, 1), R.CREATE_QP: (48, 0),
    R.MODIFY_QP: (112, 1), R.QUERY_QP: (0, 1), R.ATTACH_MCAST: (20, 1),
    R.DETACH_MCAST: (20, 1), R.DESTROY: (0, 1), R.ALLOC_XRCD: (0, 0),
    R.ALLOC_MW: (8, 0), R.SET_ADDRS: (116, 0),
    R.QUERY_COUNTERS: (1, 0), R.RETIRE_MR: (0, 1),
}


def honest(o):
    """A request of each operation that would succeed."""
    r = o.r
    query = Pages(r, 1).grant()
    return {
        R.QUERY_DEVICE: (0, struct.pack("<I", query)),
        R.QUERY_PORT: (0, b"\1"), R.QUERY_GID: (0, b"\1"),
        R.QUERY_PKEY: (0, b"\1"), R.ALLOC_CONTEXT: (0, b""),
        R.ALLOC_PD: (0, b""), R.REG_MR: (0, o.mr_body()),
        R.REREG_MR: (o.mr, o.mr_body(flags=R.REREG_ACCESS)),
        R.CREATE_CQ: (0, o.cq_body()), R.MODIFY_CQ: (o.cq, b""),
        R.RESIZE_CQ: (o.cq, struct.pack("<III", 32, o.directory, 1)),
        R.CREATE_SRQ: (0, o.srq_body()), R.MODIFY_SRQ: (o.srq, b""),
        R.QUERY_SRQ: (o.srq, b""), R.CREATE_QP: (0, o.qp_body()),
        R.MODIFY_QP: (o.qp, qp_attr(STATE)), R.QUERY_QP: (o.qp, b""),
        R.ALLOC_XRCD: (0, b""),
        R.ALLOC_MW: (0, struct.pack("<II", o.pd, 2)),
        R.SET_ADDRS: (0, b"\1"), R.QUERY_COUNTERS: (0, b"\1"),
        R.RETIRE_MR: (o.mr, b""),
    }


@attack
def reserved_fields(r):
    """The header's, and every octet behind what an operation uses."""
    o = Objects(r)
    for op, (handle, body) in honest(o).items():
        size, takes_handle = SHAPES[op]
        is_status(EINVAL, r.status(op, handle, body, reserved=1), op)
        for at in {size, 119} - {120}:
            bad = bytearray(body.ljust(120, b"\0"))
            bad[at] = 1
            is_status(EINVAL, r.status(op, handle, bytes(bad)), op, at)
        if not takes_handle:
            is_status(EINVAL, r.status(op, o.pd, body), op, "handle")


# Octets that a successful answer has at most
ANSWERS = {
    R.QUERY_DEVICE: 0, R.QUERY_PORT: 40, R.QUERY_GID: 112, R.QUERY_PKEY: 112,
    R.ALLOC_CONTEXT: 28, R.ALLOC_PD: 8, R.REG_MR: 12, R.REREG_MR: 12,
    R.CREATE_CQ: 8, R.MODIFY_CQ: 0, R.RESIZE_CQ: 0, R.CREATE_SRQ: 8,
    R.MODIFY_SRQ: 4, R.QUERY_SRQ: 4, R.CREATE_QP: 8, R.MODIFY_QP: 0,
    R.QUERY_QP: 112, R.ALLOC_XRCD: 4, R.ALLOC_MW: 8,
    R.SET_ADDRS: 0, R.QUERY_COUNTERS: 32, R.RETIRE_MR: 0,
}


@attack
def answers_end_in_zeros(r):
    """Of dom0's memory nothing comes behind what an operation answers."""
    for op, (handle, body) in honest(Objects(r)).items():
        # The slot must not be zero only because it always was
        r.ring[R.RING:R.RING + R.SLOT * r.size] = R.SLOT * r.size * b"\xa5"
        status, answer = r.ask(op, handle, body)
        is_status(0, status, op)
        assert not any(answer[ANSWERS[op]:]), (op, answer.hex())


# Handles

@attack
def wrong_handles(r):
    """No operation finds an object that is not there, or of another type."""
    o = Objects(r)
    of = {"context": o.context, "PD": o.pd, "MR": o.mr, "CQ": o.cq,
          "SRQ": o.srq, "QP": o.qp, "MW": o.mw, "XRCD": o.xrcd}
    on = {R.REREG_MR: "MR", R.MODIFY_CQ: "CQ", R.RESIZE_CQ: "CQ",
          R.MODIFY_SRQ: "SRQ", R.QUERY_SRQ: "SRQ", R.MODIFY_QP: "QP",
          R.QUERY_QP: "QP", R.RETIRE_MR: "MR"}
    good = honest(o)
    for op, kind in on.items():
        wrong = [of[k] for k in of if k != kind] + [0, NOTHING, 0xffffffff]
        for handle in wrong:
            is_status(ENOENT, r.status(op, handle, good[op][1]), op, handle)
    gid = mgid(1) + bytes(4)
    for op in (R.ATTACH_MCAST, R.DETACH_MCAST):
        for handle in set(of.values()) - {o.qp}:
            is_status(ENOENT, r.status(op, handle, gid), op, handle)
    for handle in (0, NOTHING, 0xffffffff):
        is_status(ENOENT, r.status(R.DESTROY, handle), handle)


@attack
def wrong_dependencies(r):
    """What is made of objects of the wrong type, or of none, is not made."""
    o = Objects(r)

    def none_of(body, op, name, right, **more):
        for handle in {o.context, o.pd, o.mr, o.cq, o.srq, o.qp, o.mw, o.xrcd,
                       NOTHING} - {right}:
            is_status(ENOENT, r.status(op, 0, body(**{name: handle}, **more)),
                      op, name, handle)
    none_of(o.mr_body, R.REG_MR, "pd", o.pd)
    none_of(o.cq_body, R.CREATE_CQ, "context", o.context)
    none_of(o.srq_body, R.CREATE_SRQ, "pd", o.pd)
    none_of(o.srq_body, R.CREATE_SRQ, "cq", o.cq, xrcd=o.xrcd, kind=1)
    none_of(o.srq_body, R.CREATE_SRQ, "xrcd", o.xrcd, cq=o.cq, kind=1)
    for name, right in (("context", o.context), ("pd", o.pd),
                        ("send_cq", o.cq), ("recv_cq", o.cq)):
        none_of(o.qp_body, R.CREATE_QP, name, right)
    none_of(o.qp_body, R.CREATE_QP, "srq", o.srq, flags=0, rq=(0, 0), db=0)
    tgt = dict(context=0, pd=0, send_cq=0, recv_cq=0, directory=0, db=0,
               kind=R.XRC_TGT, flags=0, sq=(0, 0), rq=(0, 0), nr=0)
    none_of(o.qp_body, R.CREATE_QP, "xrcd", o.xrcd, **tgt)
    for pd in (o.cq, NOTHING):
        is_status(ENOENT, r.status(R.ALLOC_MW, 0, struct.pack("<II", pd, 1)))
        is_status(ENOENT, r.status(R.REREG_MR, o.mr, o.mr_body(
            pd=pd, flags=R.REREG_PD)))


@attack
def handles_of_others(r):
    """Nothing is found in a guest that has nothing, whatever others have."""
    for handle in [*range(40), *range(7168, 7208)]:
        is_status(ENOENT, r.status(R.DESTROY, handle), handle)
        is_status(ENOENT, r.status(R.QUERY_QP, handle), handle)


@attack
def destroy_in_use(r):
    """What another object uses stays; in the right order all of it goes."""
    o = Objects(r)
    for handle in (o.context, o.pd, o.cq):
        is_status(EBUSY, r.status(R.DESTROY, handle), handle)
    srq = r.make(R.CREATE_SRQ, 0, o.srq_body(kind=1, cq=o.cq, xrcd=o.xrcd))[0]
    qp = r.make(R.CREATE_QP, 0, o.qp_body(srq=o.srq, flags=0, rq=(0, 0),
                                          db=0))[0]
    for handle in (o.srq, o.xrcd):
        is_status(EBUSY, r.status(R.DESTROY, handle), handle)
    for handle in (qp, srq, o.qp, o.srq, o.xrcd, o.mw, o.mr, o.cq, o.pd,
                   o.context):
        is_status(0, r.status(R.DESTROY, handle), handle)
        is_status(ENOENT, r.status(R.DESTROY, handle), handle)
    revoked(r, o.refs)


@attack
def out_of_range(r):
    """What is checked where the verb is, not in validate.c alone."""
    o = Objects(r)
    for port in (0, 3, 255):
        for op in (R.QUERY_PORT, R.QUERY_COUNTERS, R.QUERY_GID, R.QUERY_PKEY):
            is_status(EINVAL, r.status(op, 0, bytes([port])), op, port)
    for op in (R.QUERY_GID, R.QUERY_PKEY):
        is_status(EINVAL, r.status(op, 0, b"\1\0\xff\xff"), op)
    for addrs in (b"\0", b"\3", b"\xff", b"\1\x08", b"\1\xff",
                  b"\1\1" + 18 * b"\0" + b"\1"):
        is_status(EINVAL, r.status(R.SET_ADDRS, 0, addrs), addrs)
    for limit in (64, 0xffffffff):
        is_status(EINVAL, r.status(R.MODIFY_SRQ, o.srq, struct.pack(
            "<I", limit)), limit)
    for kind in (0, 3, 0xffffffff):
        is_status(EINVAL, r.status(R.ALLOC_MW, 0, struct.pack(
            "<II", o.pd, kind)), kind)
    is_status(EINVAL, r.status(R.CREATE_CQ, 0, o.cq_body(vector=0xffff)))
    is_status(EINVAL, r.status(R.MODIFY_QP, o.qp, qp_attr(STATE, 7)))
    # From Reset straight to RTS
    is_status(EINVAL, r.status(R.MODIFY_QP, o.qp, qp_attr(STATE, 3)))
    # From Reset to Init, which wants a port, a P_Key and more: nothing but
    # this side knows that, and the HCA would take it
    is_status(EINVAL, r.status(R.MODIFY_QP, o.qp, qp_attr(STATE, 1)))


# Grants

def bad_references(r):
    """References that cannot be mapped: never given, given and taken back,
    given to another domain, and to a page that is not this guest's."""
    o = Objects(r)
    page = Pages(r, 1)
    gone = page.grant()
    r.revoke(gone)
    return o, {"unknown": UNKNOWN, "highest": 0xffffffff, "revoked": gone,
               "reserved": 2, "another's": page.grant(domid=0x7f00),
               "I/O": r.grant_frame(o.uar_frame),
               "no frame": r.grant_frame(0xffffffff),
               # Guest frames, or machine frames that are Xen's and dom0's
               **({"foreign": r.grant_frame(0x100)} if r.pv else {})}


@attack
def bad_grants(r):
    """In every place where a reference can stand; nothing stays mapped."""
    o, bad = bad_references(r)
    pages, _, refs = r.memory(600)
    for why, ref in bad.items():
        for at in (0, 299, 599):
            listed = list(refs)
            listed[at] = ref
            is_status(EFAULT, r.status(R.REG_MR, 0, r.mr(
                o.pd, r.directory(listed), 600)), why, at)
        one = r.directory([ref])
        for op, body in ((R.CREATE_CQ, o.cq_body), (R.CREATE_SRQ, o.srq_body),
                         (R.CREATE_QP, o.qp_body), (R.REG_MR, o.mr_body)):
            is_status(EFAULT, r.status(op, 0, body(directory=one)), op, why)
            is_status(EFAULT, r.status(op, 0, body(directory=ref)), op, why)
            if op != R.REG_MR:
                is_status(EFAULT, r.status(op, 0, body(db=ref)), op, why)
        is_status(EFAULT, r.status(R.RESIZE_CQ, o.cq, struct.pack(
            "<III", 32, one, 1)), why)
        is_status(EFAULT, r.status(R.REREG_MR, o.mr, o.mr_body(
            directory=one, flags=R.REREG_TRANS | R.WRITABLE)), why)
        is_status(EFAULT, r.status(R.QUERY_DEVICE, 0, struct.pack("<I", ref)),
                  why)
    revoked(r, refs)


@attack
def bad_second_directory(r):
    """The list breaks where its first page ends."""
    pd = r.make(R.ALLOC_PD)[0]
    pages, directory, refs = r.memory(1100)
    struct.pack_into("<I", r.directory_pages.map, 0, UNKNOWN)
    is_status(EFAULT, r.status(R.REG_MR, 0, r.mr(pd, directory, 1100)))
    revoked(r, refs)


@attack
def cyclic_directory(r):
    """A directory that goes round is read as long as there are pages."""
    pd = r.make(R.ALLOC_PD)[0]
    pages, directory, refs = r.memory(R.GREFS_PER_PAGE)
    struct.pack_into("<I", r.directory_pages.map, 0, directory)
    mr = r.make(R.REG_MR, 0, r.mr(pd, directory, 1500))[0]
    is_status(0, r.status(R.DESTROY, mr))
    revoked(r, refs)


@attack
def wrong_numbers_of_pages(r):
    """None, one more or less than the sizes need, and 2^32 - 1."""
    o = Objects(r)
    for nr in (0, 2, 0xffffffff):
        is_status(EINVAL, r.status(R.REG_MR, 0, o.mr_body(
            nr=nr, length=R.PAGE)), nr)
        for op, body in ((R.CREATE_CQ, o.cq_body), (R.CREATE_SRQ, o.srq_body),
                         (R.CREATE_QP, o.qp_body)):
            is_status(EINVAL, r.status(op, 0, body(nr=nr)), op, nr)
        is_status(EINVAL, r.status(R.RESIZE_CQ, o.cq, struct.pack(
            "<III", 32, o.directory, nr)), nr)
    # Sizes that fit the number, which nobody may have
    for nr in (1 << 20, (1 << 26) + 1, 0xffffffff):
        is_status(ENOMEM, r.status(R.REG_MR, 0, o.mr_body(nr=nr)), nr)
    # More than there are references for: the rest of the directory is 0
    is_status(EFAULT, r.status(R.REG_MR, 0, o.mr_body(nr=600)))
    is_status(EFAULT, r.status(R.REG_MR, 0, o.mr_body(nr=1100)))


@attack
def writes_want_writable_grants(r):
    o = Objects(r)
    pages, directory, refs = r.memory(1, readonly=True)

    def reg(access, flags=0):
        return r.status(R.REG_MR, 0, r.mr(o.pd, directory, 1, access, flags))
    for access in (R.LOCAL_WRITE, R.LOCAL_WRITE | R.REMOTE_WRITE,
                   R.LOCAL_WRITE | R.REMOTE_ATOMIC, R.MW_BIND,
                   R.MW_BIND | R.REMOTE_READ):
        is_status(EPERM, reg(access), "access", access)
        is_status(EFAULT, reg(access, R.WRITABLE), "access", access)
    is_status(EINVAL, reg(R.REMOTE_WRITE), "for a peer alone")
    mr = r.make(R.REG_MR, 0, r.mr(o.pd, directory, 1, R.REMOTE_READ))[0]
    for access in (R.LOCAL_WRITE, R.MW_BIND):
        is_status(EPERM, r.status(R.REREG_MR, mr, r.mr(
            o.pd, directory, 1, access, R.REREG_ACCESS)), "rereg", access)
    for op, body in ((R.CREATE_CQ, o.cq_body), (R.CREATE_SRQ, o.srq_body),
                     (R.CREATE_QP, o.qp_body)):
        is_status(EFAULT, r.status(op, 0, body(directory=directory)), op)
    is_status(EFAULT, r.status(R.QUERY_DEVICE, 0, struct.pack("<I", refs[0])))


@attack
def shares(r):
    """A share has as many pages as its source, and no more rights to them; and
    the source keeps them."""
    o = Objects(r)
    other = r.make(R.ALLOC_PD)[0]

    def share(source=o.mr, nr=1, **more):
        return r.status(R.REG_MR, 0, r.share(other, source, nr, **more))
    for nr in (0, 2, 1 << 20, 0xffffffff):
        is_status(EINVAL, share(nr=nr), nr)
    for more in ({"nr": 1, "length": 0}, {"directory": o.directory},
                 {"flags": R.SHARE | R.WRITABLE},
                 {"flags": R.SHARE | R.REREG_TRANS}, {"flags": 0},
                 {"access": 32}, {"access": R.REMOTE_WRITE}):
        is_status(EINVAL, share(**more), more)
    for source in (o.context, o.pd, o.cq, o.srq, o.qp, o.mw, o.xrcd, 0,
                   NOTHING):
        is_status(ENOENT, share(source), source)
    is_status(EINVAL, r.status(R.REREG_MR, o.mr, o.mr_body(
        flags=R.REREG_PD, source=o.mr)))

    # What is for reading only
    pages, directory, refs = r.memory(1, readonly=True)
    readonly = r.make(R.REG_MR, 0, r.mr(o.pd, directory, 1))[0]
    for access in (R.LOCAL_WRITE, R.LOCAL_WRITE | R.REMOTE_WRITE, R.MW_BIND):
        is_status(EPERM, share(readonly, access=access), access)
    mr = r.make(R.REG_MR, 0, r.share(other, readonly, 1, R.REMOTE_READ))[0]
    for access in (R.LOCAL_WRITE, R.MW_BIND):
        is_status(EPERM, r.status(R.REREG_MR, mr, r.mr(
            other, 0, 0, access, R.REREG_ACCESS)), access)
    is_status(EINVAL, share(mr))

    # Who keeps whom
    mr = r.make(R.REG_MR, 0, r.share(other, o.mr, 1, R.LOCAL_WRITE))[0]
    is_status(EBUSY, r.status(R.DESTROY, o.mr))
    is_status(EBUSY, r.status(R.REREG_MR, o.mr, o.mr_body(
        access=R.LOCAL_WRITE, flags=R.REREG_TRANS | R.WRITABLE)))
    is_status(EBUSY, r.status(R.DESTROY, other))
    is_status(0, r.status(R.DESTROY, mr))
    is_status(0, r.status(R.REREG_MR, o.mr, o.mr_body(
        access=R.LOCAL_WRITE, flags=R.REREG_TRANS | R.WRITABLE)))
    # Many of one, of which the backend is to take the source last
    for i in range(5):
        r.make(R.REG_MR, 0, r.share(other, o.mr, 1, R.LOCAL_WRITE))


@attack
def retired(r):
    """A region that is retired is there for shares, and can only be destroyed:
    after them. Its protection domain need not be there."""
    o = Objects(r)
    pd = r.make(R.ALLOC_PD)[0]
    mr = r.make(R.REG_MR, 0, r.mr(pd, o.directory, 1, flags=R.WRITABLE))[0]
    share = r.make(R.REG_MR, 0, r.share(o.pd, mr, 1, R.LOCAL_WRITE))[0]
    is_status(EINVAL, r.status(R.RETIRE_MR, share))
    is_status(0, r.status(R.RETIRE_MR, mr))
    is_status(EINVAL, r.status(R.RETIRE_MR, mr))
    for flags in (R.REREG_ACCESS, R.REREG_PD, R.REREG_TRANS | R.WRITABLE):
        is_status(EINVAL, r.status(R.REREG_MR, mr, o.mr_body(flags=flags)),
                  flags)
    is_status(0, r.status(R.DESTROY, pd))
    is_status(ENOENT, r.status(R.REG_MR, 0, r.share(pd, mr, 1)))
    is_status(EBUSY, r.status(R.DESTROY, mr))
    is_status(0, r.status(R.DESTROY, share))
    share = r.make(R.REG_MR, 0, r.share(o.pd, mr, 1, R.LOCAL_WRITE))[0]
    is_status(EINVAL, r.status(R.REG_MR, 0, r.share(o.pd, share, 1)))
    is_status(0, r.status(R.DESTROY, share))
    is_status(0, r.status(R.DESTROY, mr))
    is_status(ENOENT, r.status(R.REG_MR, 0, r.share(o.pd, mr, 1)))
    # What is left is the backend's to take
    mr = r.make(R.REG_MR, 0, o.mr_body(flags=R.WRITABLE))[0]
    is_status(0, r.status(R.RETIRE_MR, mr))
    r.make(R.REG_MR, 0, r.share(o.pd, mr, 1, R.LOCAL_WRITE))


@attack
def page_tables(r):
    """Of a PV guest: Xen lets nobody write to them, and the HCA read them."""
    pd = r.make(R.ALLOC_PD)[0]
    pages = Pages(r, 1)
    pages.map[0] = 1
    frame = r.page_table(R.ctypes.addressof(
        R.ctypes.c_char.from_buffer(pages.map)))
    directory = r.directory([r.grant_frame(frame)])
    is_status(EFAULT, r.status(R.REG_MR, 0, r.mr(
        pd, directory, 1, R.LOCAL_WRITE, R.WRITABLE)))
    directory = r.directory([r.grant_frame(frame, readonly=True)])
    is_status(EPERM, r.status(R.REG_MR, 0, r.mr(pd, directory, 1, R.MW_BIND)))
    is_status(0, r.status(R.REG_MR, 0, r.mr(pd, directory, 1)))


@attack
def grants_in_use(r):
    """What the HCA may still reach is not given back, by us or by Xen."""
    o = Objects(r)
    for ref in o.refs + [o.db]:
        try:
            r.revoke(ref)
        except OSError as e:
            assert e.errno == errno.EBUSY, e
        else:
            raise AssertionError("revoked while it is mapped")


# Queue pairs

STATE, PKEY, PORT, QKEY = 1 << 0, 1 << 4, 1 << 5, 1 << 6
ACCESS, ALT_PATH = 1 << 3, 1 << 14
# The path, its MTU, PSN, QPN and what a responder has
TO_RTR = STATE | 1 << 7 | 1 << 8 | 1 << 12 | 1 << 15 | 1 << 17 | 1 << 20


def qp_attr(mask, state=0, qkey=0, port=1, mtu=0, alt_port=0, paths=b""):
    return struct.pack("<IIIIIIHH16B64sI", mask, qkey, 0, 0, 0, 0, 0, 0,
                       state, 0, mtu, 0, 0, 0, 0, 0, 0, port, 0, 0, 0,
                       alt_port, 0, 0, paths, 0)


@attack
def queue_pairs_without_receive_queue(r):
    o = Objects(r)
    for kind in (R.RC, R.UC, R.UD):
        is_status(EINVAL, r.status(R.CREATE_QP, 0, o.qp_body(
            kind=kind, flags=0, rq=(0, 0), db=0)), kind)


@attack
def special_queue_pairs(r):
    """Those of management, raw ones, and numbers that are no type."""
    o = Objects(r)
    for kind in set(range(256)) - {R.RC, R.UC, R.UD, R.XRC_INI, R.XRC_TGT}:
        is_status(EINVAL, r.status(R.CREATE_QP, 0, o.qp_body(kind=kind)), kind)


@attack
def privileged_qkey(r):
    o = Objects(r)
    qp = r.make(R.CREATE_QP, 0, o.qp_body(kind=R.UD))[0]
    mask = STATE | PKEY | PORT | QKEY
    for qkey in (0x80000000, 0x80010000, 0xffffffff):
        is_status(EPERM, r.status(R.MODIFY_QP, qp, qp_attr(
            mask, 1, qkey)), qkey)
    is_status(0, r.status(R.MODIFY_QP, qp, qp_attr(mask, 1, 0x7fffffff)))


def path(sgid_index):
    """One with a GRH."""
    return struct.pack("<16sIHBB4BB3x", b"\xfe\x80", 0, 1, sgid_index, 1, 0, 0,
                       0, 0, 1)


@attack
def gids_of_others(r):
    """Which are in the HCA's table, at other indices than that of its own."""
    o = Objects(r)
    is_status(0, r.status(R.MODIFY_QP, o.qp, qp_attr(
        STATE | PKEY | PORT | ACCESS, 1)))
    for index in range(1, 256):
        is_status(EINVAL, r.status(R.MODIFY_QP, o.qp, qp_attr(
            TO_RTR, 2, mtu=1, paths=path(index))), index)
        is_status(EINVAL, r.status(R.MODIFY_QP, o.qp, qp_attr(
            TO_RTR | ALT_PATH, 2, mtu=1, alt_port=1,
            paths=path(0) + path(index))), "alternate", index)
    is_status(0, r.status(R.MODIFY_QP, o.qp, qp_attr(
        TO_RTR, 2, mtu=1, paths=path(0))))


# Quotas

QUOTAS = {"contexts": 2, "pds": 9, "mrs": 10, "pages": 2000, "cqs": 11,
          "qps": 256, "srqs": 12, "mcast": 256, "mws": 13, "xrcds": 14}


def count(r, op, *bodies):
    """How often it succeeds until there is no more."""
    for nr in range(1000):
        status = r.status(op, 0, bodies[nr % len(bodies)] if bodies else b"")
        if status:
            is_status(ENOMEM, status, op, nr)
            return nr
    raise AssertionError("operation %d has no end" % op)


def qp_bodies(o, **other):
    """In turn, because Xen maps a reference 128 times at most."""
    bodies = []
    for _ in range(4):
        _, directory, _ = o.r.memory(1)
        bodies.append(o.qp_body(directory=directory, db=Pages(o.r, 1).grant(),
                                **other))
    return bodies


@attack
def quotas(r):
    """One of each is there already, where an Objects has one."""
    o = Objects(r)
    found = {
        "contexts": 1 + count(r, R.ALLOC_CONTEXT),
        "pds": 1 + count(r, R.ALLOC_PD),
        "mrs": 1 + count(r, R.REG_MR, o.mr_body()),
        "cqs": 1 + count(r, R.CREATE_CQ, o.cq_body()),
        "srqs": 1 + count(r, R.CREATE_SRQ, o.srq_body()),
        "qps": 1 + count(r, R.CREATE_QP, *qp_bodies(o)),
        "mws": 1 + count(r, R.ALLOC_MW, struct.pack("<II", o.pd, 2)),
        "xrcds": 1 + count(r, R.ALLOC_XRCD),
    }
    wanted = {k: v for k, v in QUOTAS.items() if k in found}
    assert found == wanted, (found, wanted)


@attack
def page_quota(r):
    """Each page of a region or queue and each doorbell record counts."""
    o = Objects(r)
    used = 1 + 2 + 2 + 2                # MR, CQ, SRQ, QP
    pages, directory, refs = r.memory(R.GREFS_PER_PAGE)
    struct.pack_into("<I", r.directory_pages.map, 0, directory)
    left = QUOTAS["pages"] - used
    is_status(ENOMEM, r.status(R.REG_MR, 0, r.mr(o.pd, directory, left + 1)))
    mr = r.make(R.REG_MR, 0, r.mr(o.pd, directory, left))[0]
    is_status(ENOMEM, r.status(R.REG_MR, 0, o.mr_body()))
    is_status(ENOMEM, r.status(R.CREATE_CQ, 0, o.cq_body()))
    is_status(ENOMEM, r.status(R.RESIZE_CQ, o.cq, struct.pack(
        "<III", 32, o.directory, 1)))
    is_status(0, r.status(R.DESTROY, mr))
    is_status(0, r.status(R.DESTROY, o.mr))
    # Room for the queue, and not for its doorbell record
    r.make(R.REG_MR, 0, r.mr(o.pd, directory, left))
    is_status(ENOMEM, r.status(R.CREATE_CQ, 0, o.cq_body()))
    is_status(0, r.status(R.REG_MR, 0, o.mr_body()))


def mgid(i):
    """A multicast GID of the transient kind, link-local."""
    return struct.pack(">BBHIII", 0xff, 0x12, 0xa01b, 0, 0, i)


@attack
def mcast_quota(r):
    o = Objects(r)
    qp = r.make(R.CREATE_QP, 0, o.qp_body(kind=R.UD))[0]
    for i in range(QUOTAS["mcast"]):
        is_status(0, r.status(R.ATTACH_MCAST, qp, mgid(i) + bytes(4)), i)
    is_status(ENOMEM, r.status(R.ATTACH_MCAST, qp, mgid(
        QUOTAS["mcast"]) + bytes(4)))
    # The same again is none more, and the one that is given back is free
    is_status(0, r.status(R.ATTACH_MCAST, qp, mgid(7) + bytes(4)))
    is_status(EINVAL, r.status(R.DETACH_MCAST, qp, mgid(7) +
                               struct.pack("<I", 1)))
    is_status(EBUSY, r.status(R.DESTROY, qp))
    is_status(0, r.status(R.DETACH_MCAST, qp, mgid(7) + bytes(4)))
    is_status(EINVAL, r.status(R.DETACH_MCAST, qp, mgid(7) + bytes(4)))
    is_status(0, r.status(R.ATTACH_MCAST, qp, mgid(QUOTAS["mcast"]) +
                          bytes(4)))
    is_status(EINVAL, r.status(R.ATTACH_MCAST, o.qp, mgid(1) + bytes(4)))
    is_status(EINVAL, r.status(R.ATTACH_MCAST, qp, bytes(20)))


# The group of multicast_check.c
GROUP = bytes.fromhex("ff12401bffff00000000000000001234")


@attack
def crowded_group(r):
    """As many members of one group as the guest gets, while others join it."""
    o = Objects(r)
    bodies = qp_bodies(o, kind=R.UD)
    members = 0
    for i in range(QUOTAS["qps"] - 1):
        qp = r.make(R.CREATE_QP, 0, bodies[i % len(bodies)])[0]
        status = r.status(R.ATTACH_MCAST, qp, GROUP + bytes(4))
        if status:
            is_status(ENOMEM, status)
            break
        members += 1
    go_ahead("members: %d" % members)


# Shared memory that changes

@attack
def changing_requests(r):
    """
    A request that changes while it is read is one or the other: good, or of
    more pages than its size needs and with rights that there are not.
    """
    o = Objects(r)
    bodies = o.mr_body(), o.mr_body(access=0xff, nr=0x1000001)
    stop = threading.Event()

    def flip():
        """In every slot, at all times."""
        while not stop.is_set():
            for body in bodies:
                for i in range(r.size):
                    at = r.slot(i) + 8
                    r.ring[at:at + len(body)] = body
    for _ in range(r.size):             # zeros behind the bodies
        r.ask(R.ALLOC_XRCD, 1)
    thread = threading.Thread(target=flip)
    thread.start()
    rng = random.Random(8)
    seen = []
    try:
        for _ in range(16):
            for _ in range(8):
                at = r.slot(r.prod)
                r.ring[at:at + 8] = struct.pack("<HBBI", 0, R.REG_MR, 0, 0)
                r.prod += 1
            time.sleep(rng.uniform(0, 0.01))
            r.push()
            while r.index[2] != r.prod:
                time.sleep(0.001)
            # Of answers, the thread writes over all but the head
            while r.cons != r.prod:
                at = r.slot(r.cons)
                seen.append(struct.unpack("<HBBi", r.ring[at:at + 8])[3])
                r.cons += 1
    finally:
        stop.set()
        thread.join()
    # Good ones are too many at some time
    assert set(seen) == {0, ENOMEM, EINVAL}, seen


@attack
def changing_directory(r):
    """The same for a list of pages: all of it mapped, or nothing."""
    pd = r.make(R.ALLOC_PD)[0]
    pages, directory, refs = r.memory(1000)
    where = r.directory_pages.map
    stop = threading.Event()

    def flip():
        at = 0
        while not stop.is_set():
            at = (at + 37) % 1000
            struct.pack_into("<I", where, 4 + 4 * at, UNKNOWN)
            struct.pack_into("<I", where, 4 + 4 * at, refs[at])
    thread = threading.Thread(target=flip)
    thread.start()
    try:
        for _ in range(20):
            status, answer = r.ask(R.REG_MR, 0, r.mr(pd, directory, 1000))
            assert status in (0, EFAULT), status
            if not status:
                is_status(0, r.status(R.DESTROY, struct.unpack_from(
                    "<I", answer)[0]))
    finally:
        stop.set()
        thread.join()
    revoked(r, refs)


# States

@alone
def requests_while_closing():
    """Requests in flight and new ones, in each state on the way down."""
    r = Rogue().connect()
    o = Objects(r)
    for _ in range(16):
        r.write(R.REG_MR, 0, o.mr_body())
    r.push()
    r.state(R.CLOSING)
    for _ in range(8):
        r.write(R.ALLOC_PD)
        r.push()
    r.wait_backend(R.CLOSING)
    r.write(R.CREATE_CQ, 0, o.cq_body())
    r.push()
    r.state(R.CLOSED)
    for _ in range(7):
        r.write(R.ALLOC_PD)
        r.push()
    r.wait_backend(R.CLOSED)
    for _ in range(8):
        r.write(R.ALLOC_PD)
    r.push()
    r.closed()


@alone
def state_ping_pong():
    """Every state, and what is none, in any order."""
    r = Rogue()
    rng = random.Random(8)
    for _ in range(200):
        r.state(rng.choice((*range(9), 6, 1, "", "-1", "x" * 300)))
    r.connect().close()


@alone
def connect_ping_pong():
    """Announced and not meant so: closed as soon as the backend may look."""
    rng = random.Random(8)
    past = []
    for _ in range(15):
        r = Rogue()
        r.announce(r.prepare())
        time.sleep(rng.choice((0, 0, 0.01, 0.05)))
        for state in rng.choices((R.CLOSING, R.CLOSED, R.INITIALISING), k=3):
            r.state(state)
        past.append(r)
    Rogue().connect().close()
    for r in past:
        r.closed()


@alone
def bad_announcements():
    """Nodes that say what cannot be."""
    for node, value in (("version", "2"), ("version", ""),
                        ("version", "1" * 200), ("req-ring-page-order", 5),
                        ("req-ring-page-order", 0xffffffff),
                        ("req-ring-ref1", UNKNOWN), ("req-ring-ref1", "%s%n"),
                        ("req-event-channel", 4000), ("req-event-channel", ""),
                        ("evt-page-order", 0), ("evt-page-order", 5),
                        ("evt-page-ref7", UNKNOWN), ("evt-page-ref7", ""),
                        ("evt-event-channel", 0xffffffff)):
        r = Rogue()
        r.announce({**r.prepare(), node: value})
        r.closed()


@alone
def one_page_of_many():
    """A bad reference with good ones behind it: none of these stays mapped,
    although xenbus_map_ring_valloc() forgets them."""
    for node in "req-ring-ref0", "evt-page-ref0":
        r = Rogue()
        r.announce({**r.prepare(), node: UNKNOWN})
        r.closed()


@alone
def removes_its_directory():
    """And keeps a doorbell page mapped, while the device is detached."""
    r = Rogue().connect()
    frame = Objects(r).uar_frame
    word = R.ctypes.c_uint32.from_buffer(r.map_frame(frame))
    assert word.value != ALL_ONES
    r.xs.remove(r.dir)
    go_ahead("removed")
    # Of a PV guest's page tables, what is there stays
    assert r.pv or word.value == ALL_ONES, hex(word.value)
    assert out_of_reach(r, frame)
    for ref in list(r.refs):
        r.revoke(ref)


# Doorbells

ALL_ONES = 0xffffffff       # what is read where there is nothing


def out_of_reach(r, frame):
    try:
        page = r.map_frame(frame)
    except OSError as e:
        assert e.errno == errno.EPERM, e
        return True
    return R.ctypes.c_uint32.from_buffer(page).value == ALL_ONES


@attack
def doorbells_of_others(r):
    """Xen maps what the toolstack has opened to this guest, and no more."""
    o = Objects(r)
    # Of the quota of two this is the other
    own = {o.uar_frame, o.bf_frame, *struct.unpack(
        "<IIQQ", r.ask(R.ALLOC_CONTEXT)[1][:24])[2:]}
    for frame in own:
        assert not out_of_reach(r, frame), hex(frame)
    others = {f + i for f in own for i in (-3, -2, -1, 1, 2, 3)} - own
    if r.pv:        # machine frames: VGA, Xen, I/O APIC, local APIC
        others |= {0xb8, 0x100, 0xfec00, 0xfee00}
    for frame in others:
        assert out_of_reach(r, frame), hex(frame)


@attack
def doorbells_of_others_queues(r):
    """Through its own pages, for queues and with work that are not its."""
    o = Objects(r)
    uar = r.map_frame(o.uar_frame)
    bf = r.map_frame(o.bf_frame)
    send = R.ctypes.c_uint32.from_buffer(uar, 0x14)
    cq = R.ctypes.c_uint64.from_buffer(uar, 0x20)
    line = (R.ctypes.c_uint64 * 8).from_buffer(bf)

    def swap32(v):
        return int.from_bytes(v.to_bytes(4, "big"), "little")

    def swap64(v):
        return int.from_bytes(v.to_bytes(8, "big"), "little")
    for number in range(-0x80, 0x80):
        send.value = swap32((o.qpn + number & 0xffffff) << 8)
        for command in (1, 2):
            cq.value = swap64(command << 56 | (
                o.cqn + number & 0xffffff) << 32)
    rng = random.Random(8)
    for _ in range(0x100):
        # A work request of 64 octets, for a counter of the send queue
        qpn = o.qpn + rng.randrange(-0x80, 0x80) & 0xffffff
        line[0] = swap64((8 | rng.randrange(16) << 8) << 32 | qpn << 8 | 4)
        for i in range(1, 8):
            line[i] = rng.getrandbits(64)


# MADs

@mads
def mads_are_answered(r, m):
    """What a guest may ask it is told: by its own port, and by the SM."""
    lid, sm_lid = m.lids()
    for tid in 0, 1, 1 << 63, 1:
        is_status(0, m.ask(m.mad(R.PERF_MGMT, R.GET, tid=tid), lid)[0], tid)
        is_status(0, m.ask(m.mad(R.SUBN_ADM, R.GET, tid=tid), sm_lid)[0], tid)
    # An answer of segments: one for each node, and there are some
    m.send(m.slot(m.mad(R.SUBN_ADM, R.GET_TABLE, attr=0x11, tid=7), sm_lid))
    wanted, last = 1, False
    while not last:
        segment = m.take()[1]
        assert segment[3] == R.GET_TABLE | R.RESPONSE, segment.hex()
        assert segment[8:16] == bytes(7) + b"\7", segment.hex()
        if not segment[26] & 1:         # one that fits into a MAD
            break
        assert struct.unpack_from(">I", segment, 28)[0] == wanted
        last = segment[26] & 4
        ack = bytearray(segment)
        ack[3] ^= R.RESPONSE
        ack[25], ack[26] = 2, 1
        struct.pack_into(">II", ack, 28, wanted, wanted + 64)
        m.send(m.slot(bytes(ack), sm_lid))
        wanted += 1
    assert not m.pending()


# For each: what is asked, and of whom (the SM, if not itself)
FORBIDDEN_QUESTIONS = [
    ((R.PERF_MGMT, R.SET, 0x12), False),        # perfquery -R
    ((R.SUBN_ADM, R.SET, 0x30), True),          # GUIDInfoRecord
    ((R.SUBN_ADM, R.DELETE, 0x30), True),
    ((R.SUBN_ADM, R.SET, 0x31), True),          # ServiceRecord
    ((R.SUBN_ADM, R.SET, 0x03), True),          # InformInfo
    ((R.SUBN_ADM, 0x14, 0x3a), True),           # MultiPathRecord
    ((1, R.GET, 0x11), False),                  # SMPs
    ((1, R.SET, 0x15), True),
    ((0x81, R.GET, 0x11), False),
    ((5, R.GET, 0x10), False), ((8, R.GET), False), ((0x21, R.GET), False),
    ((9, R.GET), False), ((0x10, R.GET), False), ((0x30, R.SET), False),
    ((R.DEV_MGMT, R.SET, 0x11), False), ((R.VENDOR, R.SET), False),
]


@mads
def mads_are_refused(r, m):
    """Questions that are not for guests are answered at once, all else not at
    all."""
    lid, sm_lid = m.lids()
    for what, of_sm in FORBIDDEN_QUESTIONS:
        status, answer = m.ask(m.mad(*what, tid=5), sm_lid if of_sm else lid)
        is_status(NO_METHOD, status, what)
    # Another SM than the subnet's, another vendor, a version that is none
    is_status(NO_METHOD, m.ask(m.mad(R.SUBN_ADM, R.GET), sm_lid + 1)[0])
    is_status(NO_METHOD, m.ask(m.mad(R.VENDOR, R.GET, body=b"\0\0\2\xc9"),
                               lid)[0])
    is_status(NO_METHOD, m.ask(m.mad(R.PERF_MGMT, R.GET, version=2), lid)[0])
    # A question with a global route has an answer with one
    m.send(m.slot(m.mad(R.PERF_MGMT, R.SET), lid, dgid=b"\xfe\x80" + bytes(14),
                  flags=R.AV_GRH))
    head = m.take()[0]
    assert head[36] == R.AV_GRH and head[40] >> 4 == 6, head.hex()
    assert head[48:64] == b"\xfe\x80" + bytes(14), head.hex()
    silent = [(c, method) for c in range(0x34) for method in
              (0, R.SEND, 5, 6, 7, 0x81, 0x92, 0x95, 0xff)]
    m.send(*(m.slot(m.mad(c, method), lid) for c, method in silent))
    # Of no transaction, and segments of a request
    for tid, kind in (11, 1), (11, 2), (11, 3), (11, 4), (11, 5):
        m.send(m.slot(m.mad(R.SUBN_ADM, R.GET_TABLE, tid=tid, rmpp=(kind, 1)),
                      sm_lid))
    is_status(0, m.ask(m.mad(R.PERF_MGMT, R.GET), lid)[0])
    assert not m.pending()


@mads
def sm_keys(r, m):
    """A subnet manager does not even answer who has a wrong one."""
    sm_lid = m.lids()[1]
    for tid, key in enumerate((2, 1 << 63, (1 << 64) - 1)):
        is_status(0, m.ask(m.mad(R.SUBN_ADM, R.GET, tid=tid, body=struct.pack(
            ">Q", key)), sm_lid)[0], hex(key))


# Components of an MCMemberRecord, and a status of the SA
MC_MGID, MC_PORT_GID, MC_PKEY, MC_STATE, MC_PROXY = (
    1 << i for i in (0, 1, 7, 16, 17))
LEAVE = MC_MGID | MC_PORT_GID | MC_STATE
JOIN = LEAVE | MC_PKEY
NEW_GROUP = 0x3044      # what the SA wants of one that there is not
NO_RESOURCES, INVALID, INVALID_GID, INCOMPLETE, DENIED = (
    i << 8 for i in (1, 2, 5, 6, 7))


def membership(m, method, group, gid, mask=None, pkey=0xffff, state=1, tid=0):
    if mask is None:
        mask = JOIN | NEW_GROUP if method == R.SET else LEAVE
    if isinstance(group, int):
        group = struct.pack(">BBHIII", 0xff, 0x12, 0x1234, 0, 0, group)
    return m.mad(R.SUBN_ADM, method, attr=0x38, tid=tid, body=struct.pack(
        ">QHHQ16s16sIHBBHBBIB", 1, 0, 0, mask, group, gid, 0xb1b, 0, 0, 0,
        pkey, 0, 0, 0, 0x20 | state))


@mads
def memberships(r, m):
    """Groups for itself, as many as it may have, and nobody else's."""
    sm_lid = m.lids()[1]
    gid = r.ask(R.QUERY_GID, 0, b"\1\0\0\0")[1][:16]

    def ask(method, group, gid=gid, **other):
        return m.ask(membership(m, method, group, gid, **other), sm_lid)

    for status, other in (
            (INCOMPLETE, {"mask": 0}), (INCOMPLETE, {"mask": JOIN & ~MC_PKEY}),
            (INVALID_GID, {"mask": JOIN | MC_PROXY}),
            (INVALID_GID, {"gid": gid[:8] + bytes(7) + b"\1"}),
            (INVALID, {"group": bytes(16)}),
            (INVALID, {"state": 0}), (INVALID, {"state": 3}),
            (DENIED, {"pkey": 0x8001}), (DENIED, {"pkey": 0x8000})):
        is_status(status, ask(R.SET, **{"group": 1, **other})[0], other)
    # What it is not in
    is_status(INVALID, ask(R.DELETE, 1)[0])
    # It is in once, however often it asks
    for tid in range(3):
        status, answer = ask(R.SET, 1, tid=tid)
        is_status(0, status, tid)
        assert answer[72:88] == gid and answer[104] & 15 == 1, answer.hex()
        assert answer[36:44] == bytes(8), "the SM_Key"
    m.send(*(m.slot(membership(m, R.SET, 2, gid, tid=9), sm_lid)
             for _ in range(10)))
    is_status(0, struct.unpack_from(">H", m.take()[1], 4)[0])
    time.sleep(1)
    while m.pending():
        m.take()
    is_status(0, ask(R.DELETE, 2)[0])
    is_status(INVALID, ask(R.DELETE, 2)[0])
    for i in range(2, QUOTAS["mcast"] + 1):
        is_status(0, ask(R.SET, i)[0], i)
    is_status(NO_RESOURCES, ask(R.SET, i + 1)[0])
    # To and fro, and away in the middle of it
    m.send(*(m.slot(membership(m, (R.DELETE, R.SET)[i % 2], i // 2 % 50, gid,
                               tid=i), sm_lid) for i in range(1000)))


# 239.77.1.2, as IPoIB has it: the group of test_node.py
OTHERS_GROUP = bytes.fromhex("ff12401bffff0000000000000f4d0102")


@mads
def memberships_of_others(r, m):
    """A group that dom0 is in: to leave it without having joined, and more
    often than that."""
    c = Caller(r)

    def ask(method, gid=c.gid, **other):
        return m.ask(membership(m, method, OTHERS_GROUP, gid, **other),
                     c.sm_lid)[0]

    is_status(INVALID, ask(R.DELETE))
    for tid in range(20):
        is_status(0, ask(R.SET, mask=JOIN, tid=tid), tid)
        is_status(0, ask(R.SET, mask=JOIN, tid=tid), tid)
        is_status(0, ask(R.DELETE), tid)
        is_status(INVALID, ask(R.DELETE), tid)
    # Nor those of another state, nor in dom0's name
    is_status(0, ask(R.SET, mask=JOIN))
    is_status(INVALID, ask(R.DELETE, state=4))
    is_status(INVALID_GID, ask(R.DELETE, gid=c.port_gid))
    is_status(0, ask(R.DELETE, state=15))
    go_ahead("left")


# Connections

def forged_requests(c):
    """REQs that say of the guest what is not so, each with a TID from 1000."""
    own, lid = c.objects.qpn, c.lid.to_bytes(2, "big")
    other_lid = (c.lid + 1).to_bytes(2, "big")
    lies = [
        # Node GUIDs
        {16: c.hca_guid}, {16: bytes(8)},
        # Queue pairs: QP 0 and 1, others', and one for reliable datagrams
        *({32: c.qpn(number)} for number in (
            0, 1, own - 1, own + 1, own + (1 << 16), 0xffffff)),
        {36: c.qpn(own)},
        # P_Keys that the port does not have
        {48: b"\x80\1"}, {48: b"\x80\0"}, {48: b"\0\0"},
        # GIDs and LIDs
        {56: c.port_gid}, {56: bytes(16)}, {56: b"\xff" + c.gid[1:]},
        {52: other_lid}, {52: bytes(2)},
        # The alternate path
        {96: lid, 100: c.port_gid}, {96: other_lid, 100: c.gid}, {96: lid},
        {100: c.gid}, {100: c.port_gid},
    ]
    heads = [(2, 2, R.SEND), (1, 1, R.SEND), (1, 2, R.SEND | R.RESPONSE),
             (1, 2, 0)]
    return [c.req(1000 + i, 1000 + i, lie) for i, lie in enumerate(lies)] + [
        c.req(1100 + i, 1100 + i, head=head) for i, head in enumerate(heads)]


def not_connected(c, local, remote, tid=1200):
    """What belongs to a connection, or to a request, that there is not."""
    lid = c.lid.to_bytes(2, "big")
    others = [c.message(attr, tid, local, remote) for attr in (
        R.CM_RTU, R.CM_DREQ, R.CM_DREP, R.CM_APR, R.CM_SIDR_REP)]
    for what in 0, 1, 2, 3:
        others += [c.message(attr, tid, local, remote, {8: bytes([what << 6])})
                   for attr in (R.CM_MRA, R.CM_REJ)]
    return others + [
        c.rep(tid, local, remote),
        c.message(R.CM_LAP, tid, local, remote, {20: lid, 24: c.gid})]


@mads
def forged_connections(r, m):
    """A guest connects to itself, and lies in each message before it says what
    is so. What is not refused comes back to it."""
    c = Caller(r)
    own = c.objects.qpn
    refused = []

    def forge(messages):
        refused.extend(messages)
        c.send(*messages)

    forge(forged_requests(c))
    forge(not_connected(c, 1, 1) + not_connected(c, 0, 0))
    forge([c.message(R.CM_SIDR_REQ, 1300, 3, 0, {4: b"\x80\1"})])
    # The same request twice is one, and with another transaction it is not
    wire = []
    for tid in 1, 1, 2, 3:
        c.send(c.req(tid, 1))
        local, remote = c.take(R.CM_REQ, tid)
        wire.append(local)
        assert remote == 0
    assert wire[0] == wire[1] and len(set(wire)) == 3, wire
    assert not {0, 1} & set(wire), wire
    caller = wire[-1]

    # To answer it, as another and with another's queue pair
    forge([c.rep(3, 2, caller, lie) for lie in (
        {12: c.qpn(0)}, {12: c.qpn(1)}, {12: c.qpn(own + 1)},
        {12: c.qpn(0), 16: c.qpn(own + 1)}, {16: c.qpn(own + 1)},
        {28: c.hca_guid}, {28: bytes(8)})])
    # And what nobody has asked, or nobody has answered yet
    forge(not_connected(c, 2, caller ^ 1, 3) + not_connected(c, 1, 2, 3))
    c.send(c.rep(3, 2, caller))
    called, remote = c.take(R.CM_REP, 3)
    assert remote == 1 and called not in (2, *wire), (remote, called, wire)
    # With another's end, or for another of its own
    forge(not_connected(c, 1, called ^ 1, 3) + not_connected(c, 7, called, 3))
    lid = c.lid.to_bytes(2, "big")
    forge([c.message(R.CM_LAP, 4, 1, called, {20: lid, 24: c.port_gid}),
           c.message(R.CM_REJ, 4, 1, 0, {9: b"\x10\0\4", 12: c.hca_guid}),
           c.message(R.CM_REJ, 4, 1, 0, {9: b"\x0e\0\4", 12: c.guid}),
           c.message(R.CM_REJ, 4, 1, called, {9: b"\x10\0\4",
                                              12: c.guid})])
    for attr, tid, ids, wanted in (
            (R.CM_RTU, 3, (1, called), (caller, 2)),
            (R.CM_DREQ, 5, (1, called), (caller, 2)),
            (R.CM_DREP, 5, (2, caller), (called, 1))):
        c.send(c.message(attr, tid, *ids))
        found = c.take(attr, tid)
        assert found == wanted, (attr, found, wanted)
    # Something may have been on the way yet
    time.sleep(1)
    assert not m.pending(), m.take()[1].hex()
    print("refused: %d" % len(refused), flush=True)


@mads
def connection_flood(r, m):
    """Requests without end, to dom0 and to itself, whose answers nobody
    takes; then it connects all the same."""
    c = Caller(r)
    nr, begin = 3000, time.monotonic()
    c.send(*(c.req(i, 1 + i, {72: (c.port_gid, c.gid)[i % 2]})
             for i in range(nr)))
    took = time.monotonic() - begin
    assert took > (nr - 512) / 2000, "%d REQs in %g s" % (nr, took)
    assert m.index[m.RX_DROPPED]
    # Until no more answers come
    last = time.monotonic()
    while time.monotonic() < last + 1:
        if m.pending():
            m.index[m.RX_CONS] = m.index[m.RX_PROD]
            last = time.monotonic()
        time.sleep(0.01)
    c.send(c.req(nr, 1 + nr))
    c.take(R.CM_REQ, nr)


@mads
def claims_addresses(r, m):
    """What others have, at each port, and all that there is room for."""
    with open(CLAIMS, encoding="ascii") as f:
        addrs = [bytes(10) + b"\xff\xff" + bytes(map(int, ip.split(".")))
                 for ip in f.read().split()]
    Caller(r)
    for nr in len(addrs), 7:
        body = b"".join((7 * addrs)[:nr])
        for port in 1, 2:
            is_status(0, r.status(R.SET_ADDRS, 0, struct.pack(
                "<BBH", port, nr, 0) + body), port, nr)
    go_ahead("claimed")
    # Nobody has called it
    assert not m.pending(), m.take()[1].hex()


@mads
def mads_in_bad_slots(r, m):
    """Places to send to that there are not."""
    lid = m.lids()[0]
    mad = m.mad(R.PERF_MGMT, R.GET)
    for other in ({"port": 0}, {"port": 3}, {"port": 255}, {"reserved": 1},
                  {"pkey_index": 0xffff}, {"qpn": 0}, {"qpn": 2},
                  {"qpn": 0x1000001}, {"dlid": 0}, {"dlid": 0xc000},
                  {"dlid": 0xffff}, {"sgid_index": 1}, {"sl": 16},
                  {"flags": 2}, {"grh": b"\1"}, {"grh": bytes(39) + b"\1"},
                  {"reserved1": b"\1"}, {"reserved1": bytes(47) + b"\1"}):
        m.send(m.slot(mad, **{"dlid": lid, **other}))
    rng = random.Random(8)
    m.send(*(bytes(rng.getrandbits(8) for _ in range(R.MAD_SLOT))
             for _ in range(100)))
    is_status(0, m.ask(mad, lid)[0])
    assert not m.pending()


@mads
def mad_flood(r, m):
    """More than the rate allows, whose answers nobody takes."""
    lid = m.lids()[0]
    nr, begin = 3000, time.monotonic()
    m.send(*(m.slot(m.mad(R.PERF_MGMT, R.GET, tid=i), lid)
             for i in range(nr)))
    took = time.monotonic() - begin
    assert took > (nr - 512) / 2000, "%d MADs in %g s" % (nr, took)
    assert m.index[m.RX_PROD] == m.rx
    # What is refused is answered, too, and there is no room for it
    m.send(m.slot(m.mad(R.PERF_MGMT, R.SET), lid))
    assert m.index[m.RX_PROD] == m.rx and m.index[m.RX_DROPPED]


@mads
def mads_with_bad_rx_cons(r, m):
    """What it has taken concerns nobody else."""
    lid = m.lids()[0]
    rng = random.Random(8)
    for i in range(100):
        m.index[m.RX_CONS] = rng.getrandbits(32)
        m.send(m.slot(m.mad(R.PERF_MGMT, R.GET, tid=i), lid),
               m.slot(m.mad(R.PERF_MGMT, R.SET, tid=i), lid))
    m.index[m.RX_CONS] = m.index[m.RX_PROD]


@alone
def mad_overrun():
    """More MADs than there are slots."""
    for prod in (17, 0x80000000, 0xffffffff):
        r = Rogue().connect(mad_order=3)
        lid = r.mads.lids()[0]
        r.mads.write(r.mads.slot(r.mads.mad(R.PERF_MGMT, R.GET), lid))
        r.mads.index[r.mads.TX_PROD] = prod
        r.mads.notify()
        r.closed()


@alone
def used_mad_area():
    """One that has been used is none to begin with."""
    for index in (R.Mads.TX_PROD, R.Mads.RX_PROD):
        r = Rogue()
        nodes = r.prepare(mad_order=3)
        r.mads.index[index] = 1
        r.announce(nodes)
        r.closed()


@alone
def bad_mad_announcements():
    for node, value in (("mad-page-order", 5), ("mad-page-ref7", UNKNOWN),
                        ("mad-page-ref7", ""),
                        ("mad-event-channel", 0xffffffff)):
        r = Rogue()
        r.announce({**r.prepare(mad_order=3), node: value})
        r.closed()


@alone
def mads_while_closing():
    """Some that wait for answers, and some on the way down."""
    r = Rogue().connect(mad_order=4)
    m = r.mads
    lid, sm_lid = m.lids()
    # Nobody has this LID
    m.send(*(m.slot(m.mad(R.PERF_MGMT, R.GET, tid=i), 0xbfff)
             for i in range(200)))
    for state in R.CLOSING, R.CLOSED:
        for i in range(10):
            m.write(m.slot(m.mad(R.SUBN_ADM, R.GET, tid=i), sm_lid))
            m.notify()
        r.state(state)
        r.wait_backend(state)
    r.closed()


def main(names):
    if names == ["list"]:
        print("\n".join(ATTACKS))
        return
    for name in names:
        ATTACKS[name]()
        print(name + ": ok", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
