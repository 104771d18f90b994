"""A package of somebody else's that settles in compiled Python: it knows what pip installed, and nothing of this checkout."""

from Cython.Build import cythonize
from setuptools import Extension, setup
from ybcore import embed

folder = str(embed.library().parent)
window = Extension(
    "window",
    ["window.pyx"],
    include_dirs=[str(embed.include_dir())],
    library_dirs=[folder],
    runtime_library_dirs=[folder],
    libraries=["ybcore"],
)
setup(name="window", version="1", ext_modules=cythonize([window], language_level=3))
