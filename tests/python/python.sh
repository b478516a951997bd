#!/bin/sh
# python.sh - the Python module of this tree on the library of this build: its tests (python/tests, by pytest), and that setuptools packs it.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh

build=${LFVEC_BUILD:-$PWD/build}
library=$build/.libs/liblfvec.so.0
results=$scratch/results

# The first Python that has pytest: the one in the path need not be the distribution's.
find_python()
{
    for python in ${PYTHON:-python3 /usr/bin/python3}; do
        if "$python" -c 'import sys, pytest; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

# The results that the tests' conftest.py wrote, counted; what pytest said is shown if there is something wrong.
count_results()
{
    [ -s "$results" ] || echo 'not ok - pytest ran no test' >"$results"
    cat "$results"
    passed=$((passed + $(found -c '^ok - ' "$results")))
    failed=$((failed + $(found -c '^not ok - ' "$results")))
    skipped=$((skipped + $(found -c '^skip - ' "$results")))
    if [ "$1" -ne 0 ]; then
        tail -n 60 "$scratch/pytest" | sed 's/^/  /'
        grep -q '^not ok - ' "$results" || not_ok "pytest ended with status $1"
    fi
}

run_tests()
{
    status=0
    LFVEC_LIBRARY=$library LFVEC_INCLUDE=$PWD/include LFVEC_EXPORTS=$PWD/tests/lint/exports.txt LFVEC_PYTEST_RESULTS=$results \
        PYTHONPATH=$PWD/python timeout -k 10 300 "$python" -m pytest -q -p no:cacheprovider --rootdir python python/tests \
        >"$scratch/pytest" 2>&1 </dev/null || status=$?
    count_results "$status"
}

# The wheel has the stubs, and no library of its own. It is made in a copy, since setuptools leaves files beside the sources.
wheel_is_whole()
{
    cp -R python "$scratch/package" && chmod -R u+w "$scratch/package" && mkdir "$scratch/wheel" &&
        (cd "$scratch/package" && "$python" -c 'import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])' "$scratch/wheel") &&
        "$python" -m zipfile -l "$scratch/wheel/lfvec-$version-py3-none-any.whl" >"$scratch/names" &&
        grep -q '^lfvec/py.typed ' "$scratch/names" && grep -q '^lfvec/__init__.pyi ' "$scratch/names" && ! grep '\.so' "$scratch/names"
}

if [ ! -e "$library" ]; then
    skip 'the Python module' 'this build has no shared library'
    finish
fi
if ! find_python; then
    skip 'the Python module' 'no Python from 3.9 on with pytest (python3-pytest)'
    finish
fi
export PYTHONDONTWRITEBYTECODE=1

version=$(sed -nE 's/^AC_INIT\(\[lfvec\], \[([^]]*)\].*/\1/p' configure.ac)
check "its version is $version" grep -Fqx "__version__ = \"$version\"" python/lfvec/_version.py
if "$python" -c 'import setuptools, sys, wheel; sys.exit(int(setuptools.__version__.split(".")[0]) < 61)' 2>/dev/null; then
    check 'setuptools packs it' wheel_is_whole
else
    skip 'setuptools packs it' 'no setuptools from 61 on, or no wheel (python3-setuptools, python3-wheel)'
fi
run_tests
finish
