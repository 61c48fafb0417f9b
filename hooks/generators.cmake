# parts for images of other generators; none of them does anything until it is named there
option(MKINITRD_GENERATORS "install the dracut module and the mkinitcpio hook" ON)
if(MKINITRD_GENERATORS)
  install(DIRECTORY hooks/dracut/50mkinitrd DESTINATION lib/dracut/modules.d
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
      WORLD_READ WORLD_EXECUTE
    PATTERN "*.service" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  install(FILES hooks/mkinitcpio/install/dock0 DESTINATION lib/initcpio/install)
  install(FILES hooks/mkinitcpio/hooks/dock0 DESTINATION lib/initcpio/hooks)
endif()
