# One command sets up and does the job:  make demo | make test | make bench
# Set on the command line if need be: PYTHON (3.11 or newer), CXX, VENV and BUILD (where things are put), PYTEST_ARGS, CTEST_ARGS.
PYTHON ?= python3
CXX ?= g++
VENV ?= .venv
BUILD ?= build
BIN := $(abspath $(VENV))/bin
STAMPS := $(VENV)/stamps
CORE_BUILD ?= $(BUILD)/core
PIP := $(BIN)/python -m pip --disable-pip-version-check
WITH_TOOLS := PATH="$(BIN):$$PATH"
CPP = $$(find core bindings tests/cpp benchmarks -name '*.hpp' -o -name '*.cpp' -o -name '*.h')
# Folders as well as files: a file taken away is a change too.
SOURCES := $(shell find core bindings python data -not -name '__pycache__' -not -name '*.pyc' 2>/dev/null) \
           CMakeLists.txt pyproject.toml exports.map README.md LICENSE
PYTEST := cd tests && $(BIN)/python -m pytest -c ../pyproject.toml --rootdir=.. -p no:cacheprovider
# Without it CMake may keep an old module when two builds fall within one second.
export CMAKE_INSTALL_ALWAYS := 1

.PHONY: demo test cpp-test nightly bench bench-full bench-checks bench-scaling bench-city bench-encoding bench-startup bench-service bench-resettle bench-clearing bench-embed bench-files portable \
        spark-test bench-spark instructions instructions-baseline lint format dev venv clean check-tools

demo: $(STAMPS)/installed
	$(BIN)/ybcore demo

# The wheel is tested, not the source tree: the installed package is what users get.
test: $(STAMPS)/installed $(STAMPS)/test-packages cpp-test
	$(PYTEST) -n 2 --dist worksteal -m "not nightly and not spark" . $(PYTEST_ARGS)

# Jobs and frames on Apache Spark, with executors of their own; Java is wanted. PySpark is large, and installed for this only.
spark-test: export YBCORE_REQUIRE_SYSTEM = 1
spark-test: $(STAMPS)/installed $(STAMPS)/spark-packages
	$(PYTEST) -m "spark and not nightly" . $(PYTEST_ARGS)

# Long tests, then one job at full size here and on Spark: every file the same bytes, the frames the same rows.
SPARK_VISITS ?= 2000000
nightly: $(STAMPS)/installed $(STAMPS)/test-packages $(STAMPS)/spark-packages
	$(PYTEST) -m nightly . $(PYTEST_ARGS)
	@mkdir -p $(BUILD)
	$(BIN)/python -m benchmarks.spark --visits $(SPARK_VISITS) --rounds 1 --out $(BUILD)/spark-nightly.json

# Contenders in turn, equality before time (benchmarks/README.md). Minutes; the full one takes most of an hour.
BENCH_ARGS ?=
bench: $(STAMPS)/installed $(STAMPS)/test-packages
	@mkdir -p $(BUILD)
	$(BIN)/python -m benchmarks --visits 200000 --rounds 5 --out $(BUILD)/bench.json $(BENCH_ARGS)

bench-full: $(STAMPS)/installed $(STAMPS)/test-packages
	@mkdir -p $(BUILD)
	$(BIN)/python -m benchmarks --visits 2000000 --rounds 5 --out $(BUILD)/bench-full.json $(BENCH_ARGS)

# Rule checks beside DuckDB, Polars and plain Python; all rules beside settling; one prescription. Minutes.
bench-checks: $(STAMPS)/installed $(STAMPS)/test-packages
	@mkdir -p $(BUILD)
	$(BIN)/python -m benchmarks.checks --visits 200000 --rounds 5 --out $(BUILD)/bench-checks.json $(BENCH_ARGS)

# Growth with visits, threads, catalogue, policies and layers; the city; ids; start; the service; a year settled again; one visit by door. Minutes, but for 10 million visits.
bench-scaling bench-city bench-encoding bench-startup bench-service bench-resettle bench-clearing bench-embed: bench-%: $(STAMPS)/installed $(STAMPS)/test-packages
	@mkdir -p $(BUILD)
	$(BIN)/python -m benchmarks.$* --out $(BUILD)/bench-$*.json $(BENCH_ARGS)

# A year from files to files beside what reading, settling and writing take alone.
bench-files: $(STAMPS)/installed $(STAMPS)/test-packages
	@mkdir -p $(BUILD)
	$(BIN)/python -m benchmarks.files --folder $(BUILD)/years --out $(BUILD)/bench-files.json $(BENCH_ARGS)

# The same job on one machine and on Spark: the same bytes first, then rows a second and core.
bench-spark: $(STAMPS)/installed $(STAMPS)/spark-packages
	@mkdir -p $(BUILD)
	$(BIN)/python -m benchmarks.spark --out $(BUILD)/bench-spark.json $(BENCH_ARGS)

# The same bytes from other compilers, another machine (emulated) and more threads (benchmarks/README.md). What is missing is named.
portable: $(STAMPS)/build-tools
	$(BIN)/python -m benchmarks.kernel.portable

# What the kernel costs in instructions, against benchmarks/kernel/instructions.json; the second makes it anew for this compiler.
instructions: $(STAMPS)/build-tools
	$(BIN)/python -m benchmarks.kernel.instructions

instructions-baseline: $(STAMPS)/build-tools
	$(BIN)/python -m benchmarks.kernel.instructions --write

# With YB_SANITIZE="address;undefined" or "thread" and a CORE_BUILD of its own: the same tests under sanitizers.
cpp-test: $(STAMPS)/build-tools
	@mkdir -p $(CORE_BUILD)
	@$(WITH_TOOLS) CXX="$(CXX)" cmake -S core -B $(CORE_BUILD) -G Ninja -DYB_TESTS=ON -DYB_BENCH=ON $(if $(YB_SANITIZE),-DYB_SANITIZE="$(YB_SANITIZE)" -DYB_TEST_SHARE=4 -DCMAKE_BUILD_TYPE=RelWithDebInfo) > $(CORE_BUILD)/configure.log 2>&1 || { cat $(CORE_BUILD)/configure.log; exit 1; }
	@$(WITH_TOOLS) cmake --build $(CORE_BUILD)
	@$(WITH_TOOLS) ctest --test-dir $(CORE_BUILD) -j2 --no-tests=error --output-on-failure $(CTEST_ARGS)

lint: $(STAMPS)/lint-packages
	$(BIN)/ruff format --check python tests benchmarks
	$(BIN)/ruff check python tests benchmarks
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(CPP)

format: $(STAMPS)/lint-packages
	$(BIN)/ruff format python tests benchmarks
	$(BIN)/ruff check --fix python tests benchmarks
	$(BIN)/clang-format -i $(CPP)

# For developers: the package is the source tree, and C++ is rebuilt on import. The next `make test` puts the wheel back.
dev: $(STAMPS)/run-packages $(STAMPS)/test-packages
	@rm -f $(STAMPS)/installed
	$(WITH_TOOLS) $(PIP) install -q --no-build-isolation --no-deps -e . -Ceditable.rebuild=true -Cbuild-dir="$(abspath $(BUILD))/editable"
	@echo 'ready: export CMAKE_INSTALL_ALWAYS=1 PATH="$(BIN):$$PATH", then edit and run pytest in tests/'

venv: $(STAMPS)/test-packages $(STAMPS)/lint-packages

clean:
	rm -rf $(BUILD) $(VENV)

check-tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "missing: Python 3.11 or newer (set PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "missing: the venv module of $(PYTHON) (Debian: python3-venv)"; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "missing: the headers of $(PYTHON) (Debian: python3-dev)"; exit 1; }
	@printf '#include <span>\nint main() { return 0; }\n' | $(CXX) -std=c++20 -x c++ -fsyntax-only - 2>/dev/null || { echo "missing: a C++20 compiler (set CXX=...; Debian: g++)"; exit 1; }

$(STAMPS)/build-tools: requirements/build.txt requirements/constraints.txt | check-tools
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)
	$(PIP) install -q -r requirements/build.txt -c requirements/constraints.txt
	@touch $@

$(STAMPS)/%-packages: requirements/%.txt requirements/run.txt requirements/constraints.txt $(STAMPS)/build-tools
	$(PIP) install -q -r $< -c requirements/constraints.txt
	@touch $@

$(STAMPS)/installed: $(SOURCES) $(STAMPS)/run-packages
	$(WITH_TOOLS) CXX="$(CXX)" $(PIP) install -q --no-build-isolation --no-deps --force-reinstall . -Cbuild-dir="$(abspath $(BUILD))/{wheel_tag}"
	@touch $@
