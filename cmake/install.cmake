# Install rules: headers, a CMake package with components, a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/lowp)
install(TARGETS lowp EXPORT lowp-targets FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT lowp-targets NAMESPACE lowp:: DESTINATION ${package_dir})

configure_package_config_file(cmake/lowp-config.cmake.in ${PROJECT_BINARY_DIR}/lowp-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lowp-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/lowp-config.cmake ${PROJECT_BINARY_DIR}/lowp-config-version.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH lowp_pc_to_prefix /prefix/${CMAKE_INSTALL_DATADIR}/pkgconfig /prefix)
configure_file(cmake/lowp.pc.in ${PROJECT_BINARY_DIR}/lowp.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lowp.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/lowp)
