# QEMU: Debian's kernel in a virtual machine, root file system over 9p.
# shellcheck shell=bash

# The kernel and its modules, unpacked from Debian's package beside cargo's output:
# installing the package would make this machine boot it. Prints the folder.
debian_kernel() {
  local folder package
  folder=$(cache_directory)/kernel-amd64
  if [[ ! -d $folder ]]; then
    (
      flock 8
      [[ ! -d $folder ]] || exit 0
      have apt-get || die "LAB=qemu takes its kernel from Debian's archive, with apt-get"
      package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
      [[ -n $package ]] || die "apt knows no linux-image-amd64; run: sudo apt-get update"
      note "fetching $package"
      rm -rf -- "$folder.part"
      mkdir -p -- "$folder.part/deb"
      (cd "$folder.part/deb" && apt-get download -q "$package" >&2) || die "apt-get download $package failed"
      dpkg-deb --extract "$folder.part"/deb/*.deb "$folder.part"
      rm -rf -- "$folder.part/deb"
      depmod -b "$folder.part" "$(basename "$folder.part"/lib/modules/*)"
      mv -- "$folder.part" "$folder"
    ) 8>"$folder.lock" >&2 || exit 125
  fi
  printf '%s\n' "$folder"
}

# A first root in memory: just enough to mount the host's tree.
initramfs() {
  local kernel=$1 version=$2 root=$run/initramfs module
  mkdir -p "$root/bin" "$root/modules" "$root/proc" "$root/dev" "$root/root"
  cp "$(command -v busybox)" "$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  : >"$root/modules/order"
  for module in virtio_pci 9p 9pnet_virtio overlay; do
    modprobe -d "$kernel" -S "$version" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
  done | awk '!seen[$0]++' | while read -r module; do
    cp "$module" "$root/modules/"
    basename "$module" >>"$root/modules/order"
  done
  cat >"$root/init" <<END
#!/bin/sh
while read -r module; do
  /bin/busybox insmod /modules/\$module || echo "guest: no \$module"
done </modules/order
/bin/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose lab-root /root || {
  echo "guest: cannot mount the host's tree"
  /bin/busybox poweroff -f
}
exec /bin/busybox switch_root /root "$parts/guest"
END
  chmod +x "$root/init"
  (cd "$root" && find . | cpio --quiet -o -H newc) >"$run/initrd"
}

start_guest() {
  local kernel version session=(setsid --) accelerator=(-accel tcg,thread=multi -cpu max)
  local share=security_model=none,multidevs=remap
  kernel=$(debian_kernel)
  version=$(basename "$kernel"/lib/modules/*)
  printf 'modules=%q\n' "$kernel/lib/modules/$version" >>"$run/orders"
  initramfs "$kernel" "$version"
  [[ -z ${LAB_KVM-} ]] || accelerator=(-accel kvm -cpu host)
  [[ -z ${LAB_CONSOLE-} ]] || session=()
  exec "${session[@]}" qemu-system-x86_64 "${accelerator[@]}" -smp 2 -m "$LAB_MEM" \
    -nodefaults -display none -serial stdio -no-reboot \
    -kernel "$kernel/boot/vmlinuz-$version" -initrd "$run/initrd" \
    -append "console=ttyS0 panic=-1 quiet loglevel=1 mitigations=off LAB_RUN=$run" \
    -virtfs "local,path=/,mount_tag=lab-root,readonly=on,$share" \
    -virtfs "local,path=$run,mount_tag=lab-run,$share" \
    -virtfs "local,path=$LAB_OUT,mount_tag=lab-out,$share" \
    -device virtio-rng-pci
}
