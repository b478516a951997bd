# LFVEC_CAS16: 16-byte compare-and-swap as instructions, or no lfvec at all.
# A call into libatomic would hide a lock that belongs to one process only, and lock nothing in shared memory.
AC_DEFUN([LFVEC_CAS16], [
  AC_MSG_CHECKING([for lock-free 16-byte compare-and-swap])
  lfvec_cas16=no
  lfvec_save_CFLAGS=$CFLAGS
  for lfvec_flag in "" "-mcx16"; do
    CFLAGS="$lfvec_save_CFLAGS $lfvec_flag"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [[
      static __int128 x;
      __int128 old = x;
      return !__sync_bool_compare_and_swap(&x, old, old + 1);
    ]])], [lfvec_cas16=yes])
    AS_IF([test $lfvec_cas16 = yes], [break])
  done
  CFLAGS=$lfvec_save_CFLAGS
  AC_MSG_RESULT([$lfvec_cas16${lfvec_flag:+ (with $lfvec_flag)}])
  AS_IF([test $lfvec_cas16 = no], [AC_MSG_ERROR([the target $host has no lock-free 16-byte compare-and-swap.
  lfvec changes its head with one such instruction (cmpxchg16b, casp, ldaxp/stlxp). A library call would take a lock
  that other processes do not see, so there is no fallback: build for x86-64 or aarch64.])])
  CAS16_CFLAGS=$lfvec_flag
  AC_SUBST([CAS16_CFLAGS])
])

AC_DEFUN([LFVEC_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING([--enable-sanitizers=LIST], [build with -fsanitize=LIST, e.g. address,undefined or thread])],
                [], [enable_sanitizers=no])
  AS_IF([test "x$enable_sanitizers" != xno], [
    AS_IF([test "x$enable_sanitizers" = xyes], [enable_sanitizers=address,undefined])
    SAN_CFLAGS="-fsanitize=$enable_sanitizers -fno-omit-frame-pointer -fno-sanitize-recover=all"
    lfvec_save_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS $SAN_CFLAGS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [],
                   [AC_MSG_ERROR([$CC cannot link with -fsanitize=$enable_sanitizers: install its sanitizer runtime or choose another list])])
    CFLAGS=$lfvec_save_CFLAGS
    # gcc says that ThreadSanitizer knows no fences; what ours order is atomic words, between which it sees no race
    AS_CASE([$enable_sanitizers], [*thread*], [SAN_CFLAGS="$SAN_CFLAGS -Wno-unknown-warning-option -Wno-tsan"])
    NO_UNDEFINED= # clang leaves its runtime to the program
  ], [NO_UNDEFINED=-Wl,--no-undefined])
  AC_SUBST([NO_UNDEFINED])
  AC_SUBST([SAN_CFLAGS])
])

AC_DEFUN([LFVEC_WARNINGS], [
  WARN_CFLAGS="-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef -Wvla"
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors])], [], [enable_werror=no])
  AS_IF([test "x$enable_werror" = xyes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
  AC_SUBST([WARN_CFLAGS])
])
