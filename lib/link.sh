#!/bin/sh
# link.sh ARCHIVE COMMAND... - runs the command, which links liblfvec, and then renames what is the library's own in its static archive:
# slot_take becomes lfvec_inner_slot_take, and a program may have a slot_take of its own. (lfvec.map does that for the shared library.)
#
# Under link-time optimisation the names stand in the compiler's own records, which objcopy does not know, so they are left as they are.
set -eu

archive=$1
shift
"$@"
[ -e "$archive" ] || exit 0
case " ${OBJCOPY:-:} $* " in
' : '* | *' -flto'*) exit 0 ;;
esac

names=$archive.names
trap 'rm -f "$names"' EXIT
${NM:-nm} -g "$archive" | awk 'NF == 3 && $3 !~ /^(lfvec)?_/ { print $3, "lfvec_inner_" $3 }' | LC_ALL=C sort -u >"$names"
$OBJCOPY --redefine-syms="$names" "$archive"
