#!/bin/sh
# Be one host of the lab: host.sh NAMESPACE FOLDER IMAGE MACHINE HOSTNAME
# Runs in a mount namespace of its own, so that all that is mounted here goes with the host.
set -eu
namespace=$1 folder=$2 image=$3 machine=$4 hostname=$5

# Held open, since the copies that this mount namespace has of the others' would
# keep those alive after their hosts are gone.
exec 9<"/run/netns/$namespace"
umount --recursive --lazy /run/netns
# nspawn's own locks and sockets, which would otherwise outlive a killed host.
mount -t tmpfs -o mode=0755 none /run
mkdir /run/netns
: >/run/netns/host
mount --no-canonicalize --bind /proc/self/fd/9 /run/netns/host
exec 9<&-

# One pure cgroup2, whatever the machine has; its own tree is left alone.
umount --recursive /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup

# `volatile`: a host of a rehearsal need not survive the machine, so nothing is synced.
# It refuses the work folder of a mount that ended hard.
rm -rf "$folder/work"
mkdir -p "$folder/root" "$folder/upper" "$folder/work"
mount -t overlay overlay "$folder/root" \
    -o "lowerdir=$image,upperdir=$folder/upper,workdir=$folder/work,volatile"

export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
while :; do
    status=0
    systemd-nspawn --quiet --boot --register=no --keep-unit --settings=no \
        --directory="$folder/root" --machine="$machine" --hostname="$hostname" \
        --network-namespace-path=/run/netns/host --capability=CAP_NET_ADMIN,CAP_NET_RAW \
        --resolv-conf=off --timezone=off --link-journal=no --console=read-only || status=$?
    # 133 is how it says that the host wants to boot again.
    [ "$status" = 133 ] || exit "$status"
done
