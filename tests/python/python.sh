#!/bin/sh
# python.sh - the Python module of this tree on the library of this build: that pip installs it, and its tests (python/tests, by pytest), with
# its extension and without.
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
count_results() # STATUS WITH
{
    [ -s "$results" ] || echo 'not ok - pytest ran no test' >"$results"
    sed "s/\$/ ($2)/" "$results"
    passed=$((passed + $(found -c '^ok - ' "$results")))
    failed=$((failed + $(found -c '^not ok - ' "$results")))
    skipped=$((skipped + $(found -c '^skip - ' "$results")))
    if [ "$1" -ne 0 ]; then
        tail -n 60 "$scratch/pytest" | sed 's/^/  /'
        grep -q '^not ok - ' "$results" || not_ok "pytest ended with status $1"
    fi
    rm -f "$results"
}

run_tests() # PURE WITH FILE...
{
    pure=$1 with=$2 status=0
    shift 2
    LFVEC_LIBRARY=$library LFVEC_INCLUDE=$PWD/include LFVEC_EXPORTS=$PWD/tests/lint/exports.txt LFVEC_PYTEST_RESULTS=$results \
        LFVEC_PURE_PYTHON=$pure PYTHONPATH=$module timeout -k 10 300 "$python" -m pytest -q -p no:cacheprovider --rootdir python "$@" \
        >"$scratch/pytest" 2>&1 </dev/null || status=$?
    count_results "$status" "$with"
}

# ---- pip ---------------------------------------------------------------------------------------------------------------------------------
pip_install() # ARGUMENT...
{
    "$python" -m pip -q --disable-pip-version-check install --no-build-isolation --no-index --no-deps "$@"
}

# A checkout as others have it, which may be written to, and is not.
pip_installs()
{
    mkdir "$scratch/checkout" && cp -R python LICENSE "$scratch/checkout" && chmod -R u+w "$scratch/checkout" &&
        find "$scratch/checkout" | sort >"$scratch/before" &&
        pip_install --target "$scratch/module" "$scratch/checkout/python" && find "$scratch/checkout" | sort >"$scratch/after" && diff "$scratch/before" "$scratch/after" &&
        module=$scratch/module
}

# Stubs, the licence, and no library or source in C.
module_is_whole()
{
    [ -e "$module/lfvec/py.typed" ] && [ -e "$module/lfvec/__init__.pyi" ] && cmp LICENSE "$module/lfvec-$version.dist-info/LICENSE" &&
        silent_on . find "$module" -name 'liblfvec*' -o -name '*.c'
}

says() # WANTED ENVIRONMENT... : what lfvec.NATIVE is
{
    wanted=$1
    shift
    [ "$(env LFVEC_LIBRARY="$library" PYTHONPATH="$module" "$@" "$python" -c 'import lfvec; print(lfvec.NATIVE)')" = "$wanted" ]
}

works_without_compiler()
{
    CC=false pip_install --target "$scratch/pure" "$scratch/checkout/python" && says False PYTHONPATH="$scratch/pure"
}

# In a virtual environment, as users do it; the library is carried along, as by ./dev wheel, and found without a word.
works_in_venv()
{
    "$python" -m venv --system-site-packages "$scratch/venv" &&
        LFVEC_CARRY=$library "$scratch/venv/bin/python" -m pip -q --disable-pip-version-check install --no-build-isolation --no-index --no-deps \
            "$scratch/checkout/python" &&
        cmp "$library" "$scratch"/venv/lib/python3*/site-packages/lfvec/liblfvec.so.0 &&
        (unset LFVEC_LIBRARY && cd / && "$scratch/venv/bin/python" -c 'import lfvec
with lfvec.TemporaryVector("Q") as v:
    v.push(5)
    assert v.pop() == 5')
}

try_pip()
{
    passes 'pip installs it from a checkout, and leaves nothing there' pip_installs || return 0
    check 'with stubs and licence' module_is_whole
    if [ -e "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; then
        check 'with its extension' says True
    else
        skip 'its extension' 'no Python.h (python3-dev)'
    fi
    check 'without a compiler it does by ctypes' works_without_compiler
    if "$python" -c 'import ensurepip' 2>/dev/null; then
        check 'in a virtual environment, with a library of its own' works_in_venv
    else
        skip 'a virtual environment' 'no python3-venv'
    fi
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
module=$PWD/python
check "its version is $version" grep -Fqx "__version__ = \"$version\"" python/lfvec/_version.py
if "$python" -c 'import setuptools, sys, wheel, pip; sys.exit(int(setuptools.__version__.split(".")[0]) < 61)' 2>/dev/null; then
    try_pip
else
    skip 'pip installs it' 'no setuptools from 61 on, or no wheel, or no pip (python3-setuptools, python3-wheel, python3-pip)'
fi
if says True; then
    run_tests '' 'extension' python/tests
    run_tests 1 'ctypes' python/tests/test_elements.py python/tests/test_handle.py python/tests/test_buffers.py python/tests/test_arrays.py
else
    run_tests 1 'ctypes' python/tests
fi
finish
