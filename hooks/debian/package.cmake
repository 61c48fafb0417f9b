# The Debian packages: cmake --preset debian && cmake --build --preset debian --target package
#
# cpack and not debian/: the top-level folders are a contract, one list of what is installed serves
# every system, and a package needs no second build. What debhelper would do besides (compressing
# pages and changelogs, stripping what is no program) is package/finish.cmake.
# Facts: CPackDeb's and CPackComponent's pages of cmake-modules(7); Debian Policy 12.3, 12.7

set(maintainer "the authors of mkinitrd <mkinitrd@example.org>")
if(DEFINED ENV{DEBEMAIL}) # as debchange(1) takes them
  set(maintainer "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(MKINITRD_MAINTAINER "${maintainer}" CACHE STRING "who answers for the Debian packages")

set(here ${CMAKE_SOURCE_DIR}/hooks/debian)
configure_file(${here}/package/changelog.in debian/changelog @ONLY)
install(FILES ${here}/package/copyright ${CMAKE_CURRENT_BINARY_DIR}/debian/changelog
  DESTINATION share/doc/mkinitrd)
install(FILES ${here}/package/mkinitrd.lintian-overrides RENAME mkinitrd
  DESTINATION share/lintian/overrides)
# the development package has a folder of its own
install(FILES ${here}/package/copyright ${CMAKE_CURRENT_BINARY_DIR}/debian/changelog
  DESTINATION share/doc/libdockerlaunch-dev COMPONENT development)

set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON) # for what lies in /etc
set(CPACK_PACKAGE_CONTACT "${MKINITRD_MAINTAINER}")
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${here}/package/finish.cmake)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_ALL Unspecified development)
set(CPACK_COMPONENT_UNSPECIFIED_GROUP mkinitrd)
set(CPACK_COMPONENT_DEVELOPMENT_GROUP development)

# one for both: cpack puts it before each description
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "initramfs generator for Docker hosts, and its init")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_MKINITRD_PACKAGE_NAME mkinitrd)
set(CPACK_DEBIAN_MKINITRD_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_MKINITRD_DESCRIPTION
"mkinitrd builds an initramfs from a declarative profile and the kernel,
programs and modules that the system has, and brings the init that boots it.
With the profile only-docker the result is a machine that boots from the
Linux kernel and Docker and nothing else.

Its images stand beside those of the system's own initramfs generator and
never take their place. None is made before 'mkinitrd enable' has asked for
it; from then on images follow kernels and Docker as they are upgraded.")
set(CPACK_DEBIAN_MKINITRD_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_MKINITRD_PACKAGE_DEPENDS kmod)
set(CPACK_DEBIAN_MKINITRD_PACKAGE_RECOMMENDS
  "docker.io | docker-ce, iptables, ca-certificates, busybox-static, e2fsprogs, procps")
set(CPACK_DEBIAN_MKINITRD_PACKAGE_SUGGESTS
  "containerd, runc, qemu-system-x86, mmdebstrap, squashfs-tools, systemd-container")
set(CPACK_DEBIAN_MKINITRD_PACKAGE_CONTROL_EXTRA
  ${here}/package/conffiles ${here}/package/triggers
  ${here}/package/postinst ${here}/package/prerm ${here}/package/postrm)
set(CPACK_DEBIAN_MKINITRD_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libdockerlaunch-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
"This package has dockerlaunch as a static library with its header, for
programs that make the place they run in, a container, a chroot or a unit, fit
for dockerd, and become it. The program itself is in the package mkinitrd.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS libjansson-dev)
include(CPack)
