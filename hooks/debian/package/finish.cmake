# finish - what Debian wants otherwise than `cmake --install` leaves it, in the folders that become
# packages: pages and texts compressed (Policy 12.3, 12.7), no symbols, no compiler's name (10.1)
set(roots ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*/usr)
file(GLOB texts ${roots}/share/man/man*/*.[1-8] ${roots}/share/doc/*/changelog
  ${roots}/share/doc/*/*.md)
execute_process(COMMAND gzip -9nf ${texts} COMMAND_ERROR_IS_FATAL ANY)
file(GLOB programs LIST_DIRECTORIES false ${roots}/bin/mkinitrd ${roots}/lib/mkinitrd/*)
execute_process(COMMAND strip --remove-section=.comment ${programs} COMMAND_ERROR_IS_FATAL ANY)
file(GLOB libraries ${roots}/lib/*/*.a)
execute_process(COMMAND strip --strip-debug --enable-deterministic-archives
  --remove-section=.comment ${libraries} COMMAND_ERROR_IS_FATAL ANY)
