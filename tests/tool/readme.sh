#!/bin/sh
# readme.sh - the programs and commands in README.md's quickstart are run as a reader would run them, and print what it says; so are those in
# doc/faq.md. What its section on installation says is done by tests/build/quickstart.sh; here, the build is as if it were installed.
set -eu
cd "${LFVEC_SRC:-.}"
. tests/lint/report.sh
. tests/tool/blocks.sh

build=$(cd "${LFVEC_BUILD:-build}" && pwd)
source=$PWD
segment=lfvec-readme-$$
trap 'rm -rf "$scratch"; rm -f "/dev/shm/$segment" "/dev/shm/$segment-faq"' EXIT
desk=$scratch/desk
real_python=$(command -v python3) || real_python=
export HOME="$scratch/home" PATH="$scratch/bin:$PATH"
mkdir -p "$desk" "$scratch/bin" "$HOME/lfvec-venv/bin"

# ---- what is on the reader's machine: the build, as if it were installed -------------------------------------------------------------------

# The compilers and the options of the build: under a sanitizer a program needs its runtime too.
setting()
{
    sed -n "s/^$1 = //p" "$build/Makefile" | head -n 1
}

command_is() # NAME LINE
{
    printf '#!/bin/sh\n%s\n' "$2" >"$1"
    chmod +x "$1"
}

if [ -e "$build/.libs/liblfvec.so" ]; then
    link="-L$build/.libs -llfvec -Wl,-rpath,$build/.libs"
else
    link="$build/.libs/liblfvec.a $(setting NUMA_LIBS) $(setting ZLIB_LIBS) $(setting LIBS) -lpthread"
fi
command_is "$scratch/bin/pkg-config" "echo '-I$source/include $link'"
command_is "$scratch/bin/cc" "exec $(setting CC) $(setting SAN_CFLAGS) -std=c11 -Wall -Wextra -Werror \"\$@\""
command_is "$scratch/bin/c++" "exec $(setting CXX) $(setting SAN_CFLAGS) -Wall -Wextra -Werror \"\$@\""
command_is "$scratch/bin/lfvec-shmctl" "exec '$build/lfvec-shmctl' \"\$@\""
command_is "$HOME/lfvec-venv/bin/python" "LFVEC_LIBRARY='$build/.libs/liblfvec.so.0' PYTHONPATH='$source/python' PYTHONDONTWRITEBYTECODE=1 exec $real_python \"\$@\""

# Says why programs of this language cannot be run here; nothing if they can.
missing() # LANGUAGE
{
    cxx=$(setting CXX)
    case $1 in
    cpp)
        command -v "${cxx%% *}" >/dev/null || echo 'no C++ compiler'
        ;;
    python)
        $real_python -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null || echo 'no python3 from 3.9 on'
        [ -e "$build/.libs/liblfvec.so.0" ] || echo 'this build has no shared library'
        case $(setting SAN_CFLAGS) in *sanitize*) echo 'a sanitized library wants a sanitized python3' ;; esac
        ;;
    console)
        [ -x "$build/lfvec-shmctl" ] || echo 'this build has no lfvec-shmctl'
        ;;
    esac
}

# ---- the blocks ----------------------------------------------------------------------------------------------------------------------------

typed() # COMMAND
{
    cd "$desk" && LC_ALL=C timeout -k 5 60 sh -c "$1"
}

# The language of a session is that of the program before it; a session after a session is of the tool alone.
run_blocks() # DOCUMENT
{
    language=console number=0
    for block in "$scratch"/*.block; do
        [ -e "$block" ] || break
        this=${block%.block} this=${this##*.}
        case $this in
        c | cpp) language=$this && cp "$block" "$desk/hello.$this" ;;
        python) language=$this && cp "$block" "$desk/hello.py" ;;
        console)
            number=$((number + 1))
            why=$(missing "$language" | head -n 1)
            what="$1: session $number ($language)"
            if [ -n "$why" ]; then
                skip "$what" "$why"
            else
                check "$what" session "$block"
            fi
            language=console
            ;;
        esac
    done
}

blocks() # LANGUAGE
{
    find "$scratch" -name "*.$1.block" | wc -l
}

take_blocks README.md /numbers "/$segment"
for language in c cpp python; do
    check "README.md has one program in $language, and it is short" sh -c "[ $(blocks $language) -eq 1 ] &&
        [ \$(cat '$scratch'/*.$language.block | wc -l) -le 20 ]"
done
check 'README.md has four sessions' [ "$(blocks console)" -eq 4 ]
run_blocks README.md

take_blocks doc/faq.md /jobs "/$segment-faq"
check 'doc/faq.md has sessions' [ "$(blocks console)" -ge 1 ]
# a page for each slot changes what a segment takes
if [ "$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' 2>/dev/null | wc -l)" -gt 1 ]; then
    skip 'doc/faq.md: its figures' 'they are of a machine with one memory node'
else
    run_blocks doc/faq.md
fi

finish
