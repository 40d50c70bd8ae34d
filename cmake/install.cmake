# Where an installation puts things (GNUInstallDirs), and the package made of them.
#   bin/tarn                       the compiler
#   lib/tarn/*.a                   what it links into programs and libraries; found relative to the command
#   include/tarn/*.h               the embedding API, for C programs that handle any model
#   lib/cmake/Tarn, lib/pkgconfig  for who builds with models: find_package(Tarn), pkg-config tarn
#   share/doc/tarn                 documentation and examples
# No installed file names a directory of the build, so an installation may be moved as a whole.
include(CMakePackageConfigHelpers)
set(tarn_cmake_directory ${CMAKE_INSTALL_LIBDIR}/cmake/Tarn)

install(TARGETS tarn tarn_embed EXPORT TarnTargets
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/tarn)
install(TARGETS tarn_runtime ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/tarn)
install(FILES runtime/embed.h runtime/tarn_abi.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tarn)

install(EXPORT TarnTargets NAMESPACE Tarn:: DESTINATION ${tarn_cmake_directory})
configure_package_config_file(cmake/TarnConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/TarnConfig.cmake
                              INSTALL_DESTINATION ${tarn_cmake_directory})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/TarnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/TarnModel.cmake ${PROJECT_BINARY_DIR}/cmake/TarnConfig.cmake
              ${PROJECT_BINARY_DIR}/cmake/TarnConfigVersion.cmake
        DESTINATION ${tarn_cmake_directory})

foreach(directory INCLUDEDIR BINDIR)
  file(RELATIVE_PATH ${directory}_FROM_PKGCONFIG ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
       ${CMAKE_INSTALL_FULL_${directory}})
endforeach()
configure_file(cmake/tarn.pc.in ${PROJECT_BINARY_DIR}/cmake/tarn.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cmake/tarn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)  # the name that Debian asks for
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR})

# tarn_VERSION_ARCHITECTURE.deb.  Beyond the libraries that the command itself needs (found by dpkg-shlibdeps), it runs
# `cc` and `ar`, and programs link libstdc++.a and libz.a.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Tarn developers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "compiler that turns a neural network's text into a program that trains it")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "g++, binutils, zlib1g-dev")
include(CPack)
