"""What pyproject.toml cannot say: the extension, a library to carry along, and that nothing is left in the sources.

LFVEC_CARRY=/path/to/liblfvec.so.0 puts that library into the package, and LFVEC_PLATFORM names the machines that such a wheel is for
(`./dev wheel` gives both).
"""

import os
import shutil
import sys
import sysconfig
import tempfile

from setuptools import Extension, setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

CARRIED = os.environ.get("LFVEC_CARRY")

# From 3.11 on the buffer protocol is in the limited interface: one build then serves that version and all later ones.
LIMITED = sys.version_info >= (3, 11)
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))  # core.c relies on the GIL; ctypes does as well there


def extensions():
    if FREE_THREADED or sys.implementation.name != "cpython" or sys.byteorder == "big":
        return []
    macros = [("Py_LIMITED_API", "0x030b0000")] if LIMITED else []
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Wno-missing-field-initializers"]
    # Without a compiler the module is built all the same, and does by ctypes what is in C.
    return [Extension("lfvec._core", ["src/core.c"], define_macros=macros, py_limited_api=LIMITED, extra_compile_args=flags, optional=True)]


class Build(build_py):
    """With the library that is to be carried, under the name that _library.py looks for."""

    def run(self):
        super().run()
        if CARRIED:
            shutil.copy(CARRIED, os.path.join(self.build_lib, "lfvec", "liblfvec.so.0"))


class ForThisMachine(Distribution):
    """A wheel that carries a library is for one kind of machine, whatever else is in it."""

    def has_ext_modules(self):
        return bool(CARRIED) or super().has_ext_modules()


with tempfile.TemporaryDirectory(prefix="lfvec-") as scratch:
    options = {"build": {"build_base": scratch}, "egg_info": {"egg_base": scratch}}
    options["bdist_wheel"] = {"bdist_dir": os.path.join(scratch, "wheel")}
    if LIMITED and extensions():
        options["bdist_wheel"]["py_limited_api"] = "cp311"
    if CARRIED and os.environ.get("LFVEC_PLATFORM"):
        options["bdist_wheel"]["plat_name"] = os.environ["LFVEC_PLATFORM"]
    setup(ext_modules=extensions(), cmdclass={"build_py": Build}, distclass=ForThisMachine, options=options)
