# boot: the real image in QEMU. Images are made once, and so is the snapshot "Docker is up".
# Under emulation times matter: one machine at a time.
function(boot_test name script)
  add_test(NAME boot-${name} COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/boot/${script} ${ARGN})
  set_tests_properties(boot-${name} PROPERTIES
    LABELS boot TIMEOUT 900 RUN_SERIAL ON SKIP_RETURN_CODE 77
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
boot_test(OD-21-DL-6-DL-17-DL-18-DL-19-settings test_settings.py)

# power-off from every side, after the first boots of both modes
boot_test(OD-15-OD-22-power-exec test_power.py SidesExec HardExec Verbs)
boot_test(OD-15-OD-22-DL-21-power-supervise test_power.py SidesSupervise HardSupervise Devices)
set_tests_properties(boot-OD-15-OD-22-power-exec PROPERTIES
  TIMEOUT 1800 FIXTURES_REQUIRED "boot-images;docker-up")
set_tests_properties(boot-OD-15-OD-22-DL-21-power-supervise PROPERTIES
  TIMEOUT 1800 FIXTURES_REQUIRED "boot-images;supervised")

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

boot_test(OD-11-OD-13-OD-14-console test_console.py Up)
set_tests_properties(boot-OD-11-OD-13-OD-14-console PROPERTIES
  FIXTURES_REQUIRED "boot-images;docker-up")
boot_test(OD-10-OD-12-console-image test_console.py Choice)
boot_test(OD-12-no-console-image test_console.py Missing)
boot_test(OD-11-OD-16-no-console test_console.py NoConsole)

boot_test(OD-16-DL-6-DL-7-DL-8-DL-11-legacy test_docker_calls.py Legacy)
boot_test(DL-6-DL-7-DL-8-DL-19-nft test_docker_calls.py Pull)
set_tests_properties(boot-DL-6-DL-7-DL-8-DL-19-nft PROPERTIES FIXTURES_REQUIRED "boot-images;docker-up")
boot_test(DL-6-DL-8-DL-11-left-out test_docker_calls.py NoIptables)
boot_test(OD-1-OD-6-OD-10-faults test_faults.py)
set_tests_properties(boot-OD-1-OD-6-OD-10-faults PROPERTIES
  FIXTURES_REQUIRED "boot-images;docker-up")

# power cuts, 50 of them: on request only (ctest -L soak)
boot_test(soak soak.py)
set_tests_properties(boot-soak PROPERTIES LABELS soak TIMEOUT 7200)

# the reader's path: README and guide, built and installed anew
boot_test(readme-and-guide ../cli/test_guide.py Path)
set_tests_properties(boot-readme-and-guide PROPERTIES FIXTURES_REQUIRED "")

# what the writer makes, unpacked by the kernel
boot_test(OD-17-codecs test_codecs.py)
set_tests_properties(boot-OD-17-codecs PROPERTIES FIXTURES_REQUIRED "")

# other releases, installed for the test
boot_test(OD-17-root-bookworm test_roots.py Bookworm)
boot_test(OD-1-OD-10-OD-17-root-trixie test_roots.py Trixie)
set_tests_properties(boot-OD-1-OD-10-OD-17-root-trixie PROPERTIES
  LABELS matrix FIXTURES_REQUIRED "" TIMEOUT 1800)
boot_test(OD-1-OD-10-OD-17-root-sid test_roots.py Sid)
set_tests_properties(boot-OD-1-OD-10-OD-17-root-sid PROPERTIES
  LABELS matrix FIXTURES_REQUIRED "" TIMEOUT 1800)
set_tests_properties(boot-OD-17-root-bookworm PROPERTIES FIXTURES_REQUIRED "")
