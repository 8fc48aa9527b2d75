# SPDX-License-Identifier: GPL-2.0-only
"""Storage over RDMA: what a node serves to another, by IPoIB addresses."""

import contextlib

HOST = "a0d1c2e4-0000-4000-8000-000000000001"

# Says which device it is, as soon as it is there; %s = what it may be called
FIND = """for i in $(seq 50); do
	for dev in %s; do
		[ -b $dev ] && echo $dev && exit
	done
	sleep 0.2
done
exit 1
"""

# When the HCA has gone and come, nvmet listens again if that is at the address
# of all devices, as here, and otherwise not.
#
# What is served is /srv/storage, or the file disk there; what a client says
# last is where it finds that. %(address)s = the server's, %(mib)d = the size of
# the file
NVME_SERVE = """
modprobe -a loop nvmet-rdma
mount -t configfs none /sys/kernel/config 2>/dev/null
losetup /dev/loop0 /srv/storage/disk || exit 1
cd /sys/kernel/config/nvmet || exit 1
mkdir subsystems/disk
echo 1 >subsystems/disk/attr_allow_any_host
mkdir subsystems/disk/namespaces/1
echo -n /dev/loop0 >subsystems/disk/namespaces/1/device_path
echo 1 >subsystems/disk/namespaces/1/enable || exit 1
mkdir ports/1
echo rdma >ports/1/addr_trtype
echo ipv4 >ports/1/addr_adrfam
echo 0.0.0.0 >ports/1/addr_traddr
echo 4420 >ports/1/addr_trsvcid
ln -s $PWD/subsystems/disk ports/1/subsystems/disk
"""
NVME_END = """
cd /sys/kernel/config/nvmet || exit 1
rm ports/1/subsystems/disk
rmdir ports/1 subsystems/disk/namespaces/1 subsystems/disk
losetup -d /dev/loop0
modprobe -r nvmet-rdma nvmet
"""
NVME_CONNECT = """
modprobe nvme-rdma
nvme connect -t rdma -a %(address)s -s 4420 -n disk \
	--hostnqn=nqn.2014-08.org.nvmexpress:uuid:%(host)s --hostid=%(host)s \
	--nr-io-queues=1 --queue-size=32 || exit 1
""" + FIND % "/dev/nvme[0-9]*n1"
NVME_DISCONNECT = """
nvme disconnect -n disk || exit 1
modprobe -r nvme-rdma nvme-fabrics
"""

ISER_SERVE = """
modprobe -a target_core_mod target_core_file iscsi_target_mod ib_isert
mount -t configfs none /sys/kernel/config 2>/dev/null
cd /sys/kernel/config/target || exit 1
mkdir -p core/fileio_0/disk
echo "fd_dev_name=/srv/storage/disk,fd_dev_size=$((%(mib)d << 20))" \
	>core/fileio_0/disk/control
echo 1 >core/fileio_0/disk/enable || exit 1
group=$PWD/iscsi/iqn.2026-01.lab:disk/tpgt_1
mkdir -p $group/lun/lun_0 || exit 1
ln -s $PWD/core/fileio_0/disk $group/lun/lun_0/disk
for attribute in authentication=0 demo_mode_write_protect=0 \
		 generate_node_acls=1 cache_dynamic_acls=1; do
	echo ${attribute#*=} >$group/attrib/${attribute%%=*}
done
mkdir $group/np/%(address)s:3260 &&
echo 1 >$group/np/%(address)s:3260/iser &&
echo 1 >$group/enable
"""
ISER_END = """
cd /sys/kernel/config/target || exit 1
group=iscsi/iqn.2026-01.lab:disk/tpgt_1
echo 0 >$group/enable
rm $group/lun/lun_0/disk
rmdir $group/np/* $group/lun/lun_0 $group ${group%/*} iscsi core/fileio_0/disk \
	core/fileio_0
modprobe -r ib_isert iscsi_target_mod
"""
ISER_CONNECT = """
modprobe -a ib_iser sd_mod
echo InitiatorName=iqn.2026-01.lab:%(name)s >/etc/iscsi/initiatorname.iscsi
pgrep -x iscsid >/dev/null || iscsid || exit 1
iscsiadm -m node -o new -T iqn.2026-01.lab:disk -p %(address)s:3260 -I iser &&
iscsiadm -m node -T iqn.2026-01.lab:disk -p %(address)s:3260 -I iser -l ||
	exit 1
""" + FIND % "/dev/sd[a-z]"
ISER_DISCONNECT = """
iscsiadm -m node -T iqn.2026-01.lab:disk -u &&
iscsiadm -m node -T iqn.2026-01.lab:disk -o delete || exit 1
iscsiadm -k 0
modprobe -r ib_iser
"""

NFS_SERVE = """
modprobe -a nfsd rpcrdma
mount -t nfsd none /proc/fs/nfsd 2>/dev/null
mkdir -p /run/rpc_pipefs
mount -t rpc_pipefs none /run/rpc_pipefs 2>/dev/null
nfsdcld
echo "/srv/storage *(rw,no_root_squash,insecure,no_subtree_check,fsid=0)" \
	>/etc/exports
exportfs -ra
rpc.mountd -N 3 && rpc.nfsd -N 3 4 &&
echo rdma 20049 >/proc/fs/nfsd/portlist
"""
NFS_END = """
rpc.nfsd 0
exportfs -ua
killall rpc.mountd nfsdcld
umount /proc/fs/nfsd /run/rpc_pipefs
modprobe -r rpcrdma nfsd
"""
NFS_CONNECT = """
modprobe rpcrdma
mkdir -p /mnt/nfs
mount -t nfs -o vers=4.2,proto=rdma,port=20049 \
	%(address)s:/ /mnt/nfs && echo /mnt/nfs
"""
# The transport goes a little later.
NFS_DISCONNECT = """
umount /mnt/nfs
for i in $(seq 50); do
	modprobe -r rpcrdma && exit
	sleep 0.2
done
exit 1
"""

SERVE = {"nvme": NVME_SERVE, "iser": ISER_SERVE, "nfs": NFS_SERVE}
END = {"nvme": NVME_END, "iser": ISER_END, "nfs": NFS_END}
CONNECT = {"nvme": NVME_CONNECT, "iser": ISER_CONNECT, "nfs": NFS_CONNECT}
DISCONNECT = {"nvme": NVME_DISCONNECT, "iser": ISER_DISCONNECT,
              "nfs": NFS_DISCONNECT}


@contextlib.contextmanager
def served(protocol, end, mib):
    """For a while, a node serves so much memory."""
    end.node.run("mkdir -p /srv/storage && mount -t tmpfs none /srv/storage && "
                 "truncate -s %dM /srv/storage/disk" % mib)
    end.node.run(SERVE[protocol] % {"address": end.v4, "mib": mib})
    try:
        yield
    finally:
        end.node.run(END[protocol], check=False)
        end.node.run("umount /srv/storage")


@contextlib.contextmanager
def connected(protocol, server, client):
    """For a while, another node has it: where."""
    done = client.node.run(CONNECT[protocol] % {
        "address": server.v4, "name": client.node, "host": HOST})
    try:
        yield done.stdout.split()[-1]
    finally:
        client.node.run(DISCONNECT[protocol])
