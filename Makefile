# One command sets up and does the job:  make demo | make test
PYTHON ?= python3
CXX ?= g++
VENV := .venv
BIN := $(VENV)/bin
STAMPS := build/stamps
CORE_BUILD ?= build/core
SOURCES := $(shell find core bindings python data -type f -not -name '*.pyc' 2>/dev/null) CMakeLists.txt pyproject.toml exports.map
export CMAKE_INSTALL_ALWAYS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test cpp-test nightly lint format dev clean check-tools

demo: $(STAMPS)/installed
	$(BIN)/ybcore demo

# The wheel is tested, not the source tree: the installed package is what users get.
test: $(STAMPS)/tested-with cpp-test
	cd tests && ../$(BIN)/python -m pytest -c ../pyproject.toml --rootdir=.. -p no:cacheprovider -n 2 -m "not nightly" . $(PYTEST_ARGS)

nightly: $(STAMPS)/tested-with
	cd tests && ../$(BIN)/python -m pytest -c ../pyproject.toml --rootdir=.. -p no:cacheprovider -m nightly . $(PYTEST_ARGS)

cpp-test: $(STAMPS)/build-tools
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S core -B $(CORE_BUILD) -G Ninja -DYB_TESTS=ON $(if $(YB_SANITIZE),-DYB_SANITIZE="$(YB_SANITIZE)" -DCMAKE_BUILD_TYPE=RelWithDebInfo) > $(STAMPS)/configure.log 2>&1 || { cat $(STAMPS)/configure.log; exit 1; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build $(CORE_BUILD)
	@PATH="$(CURDIR)/$(BIN):$$PATH" ctest --test-dir $(CORE_BUILD) --output-on-failure $(CTEST_ARGS)

lint: $(STAMPS)/linters
	$(BIN)/ruff format --check python tests
	$(BIN)/ruff check python tests
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $$(find core bindings tests/cpp -name '*.hpp' -o -name '*.cpp' -o -name '*.h')

format: $(STAMPS)/linters
	$(BIN)/ruff format python tests
	$(BIN)/ruff check --fix python tests
	$(BIN)/clang-format -i $$(find core bindings tests/cpp -name '*.hpp' -o -name '*.cpp' -o -name '*.h')

# For developers: the package is the source tree, rebuilt on import.
dev: $(STAMPS)/tested-with
	$(BIN)/pip install -q --no-build-isolation -e . -Ceditable.rebuild=true
	@touch $(STAMPS)/installed

clean:
	rm -rf build $(VENV)

check-tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "missing: Python 3.11 or newer (set PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "missing: the venv module of $(PYTHON) (Debian: python3-venv)"; exit 1; }
	@echo 'int main() { return 0; }' | $(CXX) -std=c++20 -x c++ -fsyntax-only - 2>/dev/null || { echo "missing: a C++20 compiler (set CXX=...; Debian: g++)"; exit 1; }

$(STAMPS)/build-tools: requirements/build.txt | check-tools
	@mkdir -p $(STAMPS)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements/build.txt
	@touch $@

$(STAMPS)/run-packages: requirements/run.txt $(STAMPS)/build-tools
	$(BIN)/pip install -q -r requirements/run.txt
	@touch $@

$(STAMPS)/installed: $(SOURCES) $(STAMPS)/run-packages
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pip install -q --no-build-isolation --no-deps --force-reinstall .
	@touch $@

$(STAMPS)/tested-with: requirements/test.txt requirements/run.txt $(STAMPS)/installed
	$(BIN)/pip install -q -r requirements/test.txt
	@touch $@

$(STAMPS)/linters: requirements/lint.txt $(STAMPS)/run-packages
	$(BIN)/pip install -q -r requirements/lint.txt
	@touch $@
