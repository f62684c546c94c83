import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0"


class LowpConan(ConanFile):
    name = "lowp"
    description = "Low-precision numbers for C++20: formats, schemes, quantization, packed layouts and kernels"
    license = "MIT"
    topics = ("quantization", "fp8", "int4", "microscaling", "header-only")
    package_type = "header-library"
    settings = "os", "compiler", "build_type", "arch"
    # The option adds a requirement and changes nothing in the package.
    options = {"with_json": [True, False]}
    default_options = {"with_json": False}
    implements = ["auto_header_only"]
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "include/*"
    no_copy_source = True

    def set_version(self):
        header = load(self, f"{self.recipe_folder}/include/lowp/version.hpp")
        self.version = ".".join(re.search(rf"LOWP_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        if self.options.with_json:
            self.requires("nlohmann_json/[>=3.10 <4]")

    def validate(self):
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 20)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["LOWP_BUILD_TESTS"] = False
        toolchain.cache_variables["LOWP_BUILD_EXAMPLES"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, f"{self.package_folder}/licenses")
        # Conan writes CMake's and pkg-config's files itself.
        rmdir(self, f"{self.package_folder}/share")

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "lowp")
        self.cpp_info.set_property("cmake_target_name", "lowp::lowp")
        self.cpp_info.set_property("pkg_config_name", "lowp")
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "lowp::lowp")
        core.bindirs = core.libdirs = []
        if self.options.get_safe("with_json"):
            io = self.cpp_info.components["io"]
            io.set_property("cmake_target_name", "lowp::io")
            io.requires = ["core", "nlohmann_json::nlohmann_json"]
            io.bindirs = io.libdirs = []
