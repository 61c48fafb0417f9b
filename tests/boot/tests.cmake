# boot: the real image in QEMU. Images are made once, and so is the snapshot "Docker is up".
# An emulated machine uses one CPU (vm.py says why), so several may run side by side.
function(boot_test name script)
  add_test(NAME boot-${name} COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/boot/${script} ${ARGN})
  set_tests_properties(boot-${name} PROPERTIES
    LABELS boot COST 100 TIMEOUT 1800 SKIP_RETURN_CODE 77
    FIXTURES_REQUIRED boot-images
    ENVIRONMENT "MKINITRD_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()

boot_test(images images.py)
set_tests_properties(boot-images PROPERTIES FIXTURES_REQUIRED "" FIXTURES_SETUP boot-images)

boot_test(OD-1-OD-2-OD-4-OD-5-OD-8-OD-9-OD-10-OD-15-OD-16-DL-7-nodisk test_nodisk.py)

boot_test(OD-6-OD-10-first-boot test_disk.py FirstBoot)
set_tests_properties(boot-OD-6-OD-10-first-boot PROPERTIES FIXTURES_SETUP docker-up)
boot_test(OD-6-OD-10-OD-15-ends test_disk.py Ends)
set_tests_properties(boot-OD-6-OD-10-OD-15-ends PROPERTIES
  FIXTURES_REQUIRED "boot-images;docker-up")
boot_test(OD-7-whole-disk test_disk.py WholeDisk)

boot_test(DL-21-supervise-first-boot test_supervise.py FirstBoot)
set_tests_properties(boot-DL-21-supervise-first-boot PROPERTIES FIXTURES_SETUP supervised)
boot_test(DL-21-OD-22-supervise test_supervise.py Idle Ends Faults)
set_tests_properties(boot-DL-21-OD-22-supervise PROPERTIES
  FIXTURES_REQUIRED "boot-images;docker-up;supervised")
boot_test(OD-6-OD-20-disks-found test_disks.py Found)
boot_test(OD-6-disks-checked test_disks.py Checked)
boot_test(OD-7-disks-made test_disks.py Made)
boot_test(D0-5-D0-9-D0-10-root-found test_root.py Found)
boot_test(D0-10-root-layers test_root.py Layers Own)
boot_test(D0-9-D0-12-WD-1-root-wrong test_root.py Wrong Waits)
boot_test(D0-5-D0-7-D0-9-D0-10-D0-11-root-checked test_root.py Checked Carried Program)
boot_test(D0-7-D0-9-D0-10-WD-2-root-systemd test_systemd.py)
boot_test(WD-1-WD-4-tree-roots test_tree_roots.py)
boot_test(WD-3-WD-15-WD-16-from-docker test_from_docker.py)
foreach(name D0-5-D0-9-D0-10-root-found D0-10-root-layers D0-9-D0-12-WD-1-root-wrong
        D0-5-D0-7-D0-9-D0-10-D0-11-root-checked D0-7-D0-9-D0-10-WD-2-root-systemd
        WD-1-WD-4-tree-roots WD-3-WD-15-WD-16-from-docker)
  # images of their own
  set_tests_properties(boot-${name} PROPERTIES FIXTURES_REQUIRED "")
endforeach()
boot_test(OD-21-DL-6-DL-17-DL-18-DL-19-settings test_settings.py)

# power-off from every side, after the first boots of both modes
boot_test(OD-15-OD-22-power-exec test_power.py SidesExec HardExec Verbs)
boot_test(OD-15-OD-22-DL-21-power-supervise test_power.py SidesSupervise HardSupervise Devices)
set_tests_properties(boot-OD-15-OD-22-power-exec PROPERTIES
  COST 200 FIXTURES_REQUIRED "boot-images;docker-up")
set_tests_properties(boot-OD-15-OD-22-DL-21-power-supervise PROPERTIES
  COST 200 FIXTURES_REQUIRED "boot-images;supervised")

boot_test(OD-6-broken-disk test_failures.py BrokenDisk)
boot_test(OD-8-break test_failures.py Break)
boot_test(OD-15-rescue-shell test_rescue.py Shell)
boot_test(OD-15-rescue-without-shell test_rescue.py NoShell)
boot_test(DL-20-log-file test_logs.py File)
boot_test(DL-20-last-words test_logs.py LastWords)
foreach(name OD-15-rescue-shell OD-15-rescue-without-shell DL-20-log-file DL-20-last-words)
  # images of their own
  set_tests_properties(boot-${name} PROPERTIES FIXTURES_REQUIRED "")
endforeach()
boot_test(OD-9-OD-10-no-dhcp-answer test_failures.py NoAnswer)
boot_test(OD-9-leases test_network.py Leases)
boot_test(OD-9-D0-22-static-and-clock test_network.py StaticAndClock)
boot_test(OD-9-OD-10-dhcp-container test_network.py Container)
boot_test(OD-1-services-that-fail test_failures.py Services)
boot_test(OD-2-too-little-memory test_failures.py Memory)
boot_test(OD-16-module-that-fails test_failures.py Module)

boot_test(host test_host.py)
set_tests_properties(boot-host PROPERTIES FIXTURES_REQUIRED "")

boot_test(OD-11-OD-13-OD-14-console test_console.py Up)
set_tests_properties(boot-OD-11-OD-13-OD-14-console PROPERTIES
  FIXTURES_REQUIRED "boot-images;docker-up")
boot_test(OD-10-OD-12-console-image test_console.py Choice)
boot_test(OD-12-no-console-image test_console.py Missing)
boot_test(OD-11-OD-16-no-console test_console.py NoConsole)

# containers that a profile declares: with this machine's engine, and two boots of images of their own
boot_test(D0-24-declared-agent test_declared.py Agent)
boot_test(D0-24-declared-boots test_declared.py Boots)
set_tests_properties(boot-D0-24-declared-agent boot-D0-24-declared-boots PROPERTIES
  FIXTURES_REQUIRED "")

# a cloud's metadata service: in a namespace, and at boot
boot_test(metadata-agent test_metadata.py Agent)
boot_test(metadata-boots test_metadata.py Boots)
boot_test(D0-24-linode test_metadata.py Linode)
set_tests_properties(boot-metadata-agent boot-metadata-boots boot-D0-24-linode PROPERTIES
  FIXTURES_REQUIRED "")

boot_test(OD-16-DL-6-DL-7-DL-8-DL-11-legacy test_docker_calls.py Legacy)
boot_test(WD-3-DL-6-DL-7-DL-8-DL-19-nft test_docker_calls.py Pull)
set_tests_properties(boot-WD-3-DL-6-DL-7-DL-8-DL-19-nft PROPERTIES FIXTURES_REQUIRED "boot-images;docker-up")
boot_test(DL-6-DL-8-DL-11-left-out test_docker_calls.py NoIptables)
boot_test(OD-1-OD-6-OD-10-faults test_faults.py)
set_tests_properties(boot-OD-1-OD-6-OD-10-faults PROPERTIES
  FIXTURES_REQUIRED "boot-images;docker-up")

# disks with a boot loader, and cuts in the middle of their update; 20 of those on request
boot_test(D0-14-disk-boots test_disk_image.py Boots)
boot_test(D0-14-disk-updates test_disk_image.py Updates)
boot_test(D0-14-disk-soak test_disk_image.py Updates)
foreach(name D0-14-disk-boots D0-14-disk-updates D0-14-disk-soak)
  set_tests_properties(boot-${name} PROPERTIES FIXTURES_REQUIRED "")
endforeach()
set_tests_properties(boot-D0-14-disk-soak PROPERTIES LABELS soak TIMEOUT 7200 ENVIRONMENT
  "MKINITRD_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1;MKINITRD_CUTS=20")

# the ISO: as a CD from an archive that was handed out, as a disk by UEFI; the other ways on request
boot_test(OD-18-archive test_iso.py Archive)
set_tests_properties(boot-OD-18-archive PROPERTIES FIXTURES_REQUIRED "")
boot_test(OD-18-stick test_iso.py StickUefi)
boot_test(OD-18-other-firmware test_iso.py Others)
set_tests_properties(boot-OD-18-other-firmware PROPERTIES LABELS matrix)

# a Debian from mmdebstrap as a read-only Docker host
boot_test(D0-2-D0-5-D0-6-D0-7-D0-9-D0-10-D0-14-dock0 test_dock0.py)
set_tests_properties(boot-D0-2-D0-5-D0-6-D0-7-D0-9-D0-10-D0-14-dock0 PROPERTIES
  FIXTURES_REQUIRED "")

# trees as containers: our init in systemd-nspawn here, and a machine with systemd that runs them
boot_test(WD-5-WD-6-WD-7-WD-8-WD-17-WD-18-container test_container.py)
boot_test(WD-2-WD-6-WD-7-WD-8-WD-10-WD-11-WD-12-WD-13-WD-14-WD-15-WD-16-machines test_machines.py)
foreach(name WD-5-WD-6-WD-7-WD-8-WD-17-WD-18-container
        WD-2-WD-6-WD-7-WD-8-WD-10-WD-11-WD-12-WD-13-WD-14-WD-15-WD-16-machines)
  set_tests_properties(boot-${name} PROPERTIES FIXTURES_REQUIRED "")
endforeach()

# power cuts, 50 of them: on request only (ctest -L soak)
boot_test(soak soak.py)
set_tests_properties(boot-soak PROPERTIES LABELS soak TIMEOUT 7200)

# the reader's path: README and guide, built and installed anew
boot_test(readme-and-guide ../cli/test_guide.py Path)
set_tests_properties(boot-readme-and-guide PROPERTIES FIXTURES_REQUIRED "")
boot_test(D0-6-D0-10-D0-11-D0-14-D0-15-D0-16-walk-through ../cli/test_guide.py Dock0)
set_tests_properties(boot-D0-6-D0-10-D0-11-D0-14-D0-15-D0-16-walk-through PROPERTIES
  FIXTURES_REQUIRED "")

# a host's files on the boot disk
boot_test(D0-11-D0-16-bundle-layer test_bundle.py Layer)
boot_test(D0-11-D0-16-bundle-own test_bundle.py Own)
set_tests_properties(boot-D0-11-D0-16-bundle-layer boot-D0-11-D0-16-bundle-own PROPERTIES
  FIXTURES_REQUIRED "")

# what the writer makes, unpacked by the kernel: each compression, on request; zstd is in every boot
boot_test(OD-17-codecs test_codecs.py)
set_tests_properties(boot-OD-17-codecs PROPERTIES LABELS matrix FIXTURES_REQUIRED "")

# images of other generators with our part in them
boot_test(D0-7-D0-9-D0-10-generators test_generators.py)
set_tests_properties(boot-D0-7-D0-9-D0-10-generators PROPERTIES FIXTURES_REQUIRED "")
boot_test(D0-9-newer-dracut-trixie test_newer_dracut.py Trixie)
boot_test(D0-9-newer-dracut-sid test_newer_dracut.py Sid)
set_tests_properties(boot-D0-9-newer-dracut-trixie boot-D0-9-newer-dracut-sid PROPERTIES
  LABELS matrix FIXTURES_REQUIRED "")

# other releases, installed for the test
boot_test(OD-17-root-bookworm test_roots.py Bookworm)
boot_test(OD-1-OD-10-OD-17-root-trixie test_roots.py Trixie)
set_tests_properties(boot-OD-1-OD-10-OD-17-root-trixie PROPERTIES
  LABELS matrix FIXTURES_REQUIRED "")
boot_test(OD-1-OD-10-OD-17-root-sid test_roots.py Sid)
set_tests_properties(boot-OD-1-OD-10-OD-17-root-sid PROPERTIES
  LABELS matrix FIXTURES_REQUIRED "")
set_tests_properties(boot-OD-17-root-bookworm PROPERTIES LABELS matrix FIXTURES_REQUIRED "")

# dockerlaunch with a real dockerd in a container of another one, on this machine
boot_test(DL-1-DL-3-DL-5-DL-16-DL-17-DL-18-DL-19-DL-21-dockerlaunch test_dockerlaunch.py)
set_tests_properties(boot-DL-1-DL-3-DL-5-DL-16-DL-17-DL-18-DL-19-DL-21-dockerlaunch PROPERTIES
  COST 300 FIXTURES_REQUIRED "")
boot_test(DL-3-DL-5-DL-7-launch test_launch.py)
set_tests_properties(boot-DL-3-DL-5-DL-7-launch PROPERTIES FIXTURES_REQUIRED "")

# trees as container images, in a real dockerd on this machine
boot_test(DL-1-DL-2-DL-9-DL-10-DL-11-DL-14-docker-from-scratch test_docker_from_scratch.py)
set_tests_properties(boot-DL-1-DL-2-DL-9-DL-10-DL-11-DL-14-docker-from-scratch PROPERTIES
  COST 300 FIXTURES_REQUIRED "")
boot_test(DL-1-DL-5-docker-in-our-machine test_dind.py InMachine)
set_tests_properties(boot-DL-1-DL-5-docker-in-our-machine PROPERTIES
  LABELS matrix FIXTURES_REQUIRED "boot-images;docker-up")
boot_test(DL-1-newer-docker-from-scratch test_dind.py Newer)
set_tests_properties(boot-DL-1-newer-docker-from-scratch PROPERTIES
  LABELS matrix FIXTURES_REQUIRED "")

# our packages in a Debian: kernels, Docker, a purge; nothing is booted
boot_test(debian-package test_debian.py)
set_tests_properties(boot-debian-package PROPERTIES COST 200 FIXTURES_REQUIRED "")

# a machine shaped as a Linode, and its StackScript
boot_test(D0-19-stackscript test_stackscript.py Fetches)
boot_test(D0-19-stackscript-builds test_stackscript.py Builds)
set_tests_properties(boot-D0-19-stackscript boot-D0-19-stackscript-builds PROPERTIES
  LABELS soak TIMEOUT 7200)
