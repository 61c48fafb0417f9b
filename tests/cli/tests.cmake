# the cli tests, one line each
# the program on fixture roots and on this system, as tables of what it must say
function(cli_test name script)
  add_test(NAME cli-${name} COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/cli/${script} ${ARGN})
  set_tests_properties(cli-${name} PROPERTIES LABELS cli TIMEOUT 600 SKIP_RETURN_CODE 77
    ENVIRONMENT "MKINITRD_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()

cli_test(bad-input test_bad_input.py)
cli_test(roots test_roots.py)
cli_test(OD-17-modules test_modules.py)
cli_test(OD-16-libraries test_libraries.py)
cli_test(interrupt test_interrupt.py)
cli_test(bad-days test_bad_days.py)
cli_test(run test_run.py)
cli_test(boot-times test_boot_times.py)
cli_test(OD-16-DL-6-D0-8-check test_check.py)
cli_test(diff test_diff.py)
cli_test(OD-2-OD-3-OD-15-OD-16-image test_image.py)

# what documents say, held against the tables themselves
add_executable(tables fixture/tables.c)
target_include_directories(tables PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(tables PRIVATE core)
cli_test(documents test_documents.py)
cli_test(completion test_completion.py)
cli_test(OD-16-DL-6-DL-8-requirements test_requirements.py)
cli_test(guide test_guide.py Guide Texts)
cli_test(DL-12-features test_features.py)
cli_test(OD-17-readers test_readers.py)
cli_test(OD-17-peers test_peers.py)
