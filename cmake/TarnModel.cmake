# tarn_add_model(TARGET program SOURCE net.tarn [NAME net] [OPTIONS flag...])
#
# Compiles a model to NAME.h and libNAME.a (NAME: the file's name without .tarn), and links them to TARGET, which may
# then #include "NAME.h".  OPTIONS go to `tarn build`, such as --cpu=native or -D H=8.  The library is built again when
# the model or the compiler changes.  The compiler is this build's own, or that of find_package(Tarn), or, where this
# file is used by itself, TARN_EXECUTABLE.
function(tarn_add_model)
  cmake_parse_arguments(PARSE_ARGV 0 model "" "TARGET;SOURCE;NAME" "OPTIONS")
  if(NOT model_TARGET OR NOT model_SOURCE OR model_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tarn_add_model(TARGET program SOURCE net.tarn [NAME net] [OPTIONS flag...]); "
                        "not understood: ${model_UNPARSED_ARGUMENTS}")
  endif()
  cmake_path(ABSOLUTE_PATH model_SOURCE BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
  if(NOT model_NAME)
    cmake_path(GET model_SOURCE STEM model_NAME)
  endif()

  if(TARGET tarn)
    set(compiler $<TARGET_FILE:tarn>)
  elseif(TARGET Tarn::tarn)
    set(compiler $<TARGET_FILE:Tarn::tarn>)
  else()
    find_program(TARN_EXECUTABLE tarn REQUIRED)
    set(compiler ${TARN_EXECUTABLE})
  endif()

  # A directory of its own for each user: the name of a model need not be unique.
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/${model_TARGET}.models)
  file(MAKE_DIRECTORY ${directory})
  set(library ${directory}/lib${model_NAME}.a)
  set(header ${directory}/${model_NAME}.h)
  add_custom_command(
    OUTPUT ${library} ${header}
    COMMAND ${compiler} build ${model_SOURCE} --emit=lib -o ${directory}/${model_NAME}
            --depfile ${directory}/${model_NAME}.d ${model_OPTIONS}
    DEPENDS ${model_SOURCE} ${compiler}
    DEPFILE ${directory}/${model_NAME}.d
    COMMENT "Compiling model ${model_NAME}"
    VERBATIM)
  # Through the sources, so that the header is there before the first of them is compiled.
  target_sources(${model_TARGET} PRIVATE ${header})
  target_include_directories(${model_TARGET} PRIVATE ${directory})
  target_link_libraries(${model_TARGET} PRIVATE ${library} -lm)
endfunction()
