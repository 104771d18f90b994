"""The contenders, one file each; every module has the names that `benchmarks.contenders` asks for."""
