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
  WARN_CXXFLAGS="-Wall -Wextra -Wpointer-arith -Wvla" # the headers of the peers would not pass more
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors])], [], [enable_werror=no])
  AS_IF([test "x$enable_werror" = xyes], [WARN_CFLAGS="$WARN_CFLAGS -Werror" WARN_CXXFLAGS="$WARN_CXXFLAGS -Werror"])
  AC_SUBST([WARN_CFLAGS])
  AC_SUBST([WARN_CXXFLAGS])
])

# LFVEC_PEERS: which of lfvec-bench's peers are built. --with-peers=auto takes what is there, =no none, and =LIST wants those named.
# LFVEC_PEER(NAME, NEEDS): one of them; lfvec_have_NAME says whether what it needs is there.
AC_DEFUN([LFVEC_PEER], [
  lfvec_want=$lfvec_peers
  AS_CASE([,$with_peers,], [*,$1,*], [lfvec_want=yes])
  AS_IF([test "x$lfvec_want" = xyes && test "x$lfvec_have_$1" != xyes], [AC_MSG_ERROR([--with-peers: $1 needs $2])])
  AS_IF([test "x$lfvec_want" = xno], [lfvec_have_$1=no])
  AS_IF([test "x$lfvec_have_$1" = xyes], [lfvec_peers_in="$lfvec_peers_in $1"], [lfvec_peers_out="$lfvec_peers_out $1"])
  AM_CONDITIONAL([PEER_]m4_toupper([$1]), [test "x$lfvec_have_$1" = xyes])
])

# A C++ compiler that makes objects for the same machine as the C compiler: of a cross build, configure might find that of the host.
AC_DEFUN([LFVEC_CXX_PAIR], [
  AC_MSG_CHECKING([for a C++20 compiler that goes with $CC])
  lfvec_pair=no
  CXX20_CXXFLAGS=-std=gnu++20
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([[int lfvec_from_c(void); int lfvec_from_c(void) { return 0; }]])],
                    [cp conftest.$ac_objext lfvec-from-c.$ac_objext])
  AC_LANG_PUSH([C++])
  lfvec_save_LIBS=$LIBS lfvec_save_CXXFLAGS=$CXXFLAGS
  LIBS="lfvec-from-c.$ac_objext $LIBS" CXXFLAGS="$CXXFLAGS $CXX20_CXXFLAGS $SAN_CFLAGS"
  AC_LINK_IFELSE([AC_LANG_SOURCE([[
    #include <new>
    struct point { int x; };
    extern "C" int lfvec_from_c(void);
    int main() { point *p = new point{.x = lfvec_from_c()}; int x = p->x; delete p; return x; }]])], [lfvec_pair=yes])
  LIBS=$lfvec_save_LIBS CXXFLAGS=$lfvec_save_CXXFLAGS
  AC_LANG_POP([C++])
  rm -f lfvec-from-c.$ac_objext
  AC_MSG_RESULT([$lfvec_pair])
  AC_SUBST([CXX20_CXXFLAGS])
])

# LFVEC_CXX_PEER(NAME, INCLUDE, EXPRESSION, LIBS): with the C++ compiler
AC_DEFUN([LFVEC_CXX_PEER], [
  lfvec_have_$1=no
  AS_IF([test $lfvec_pair = yes && test "x$with_peers" != xno], [
    AC_MSG_CHECKING([for $3])
    AC_LANG_PUSH([C++])
    lfvec_save_LIBS=$LIBS lfvec_save_CXXFLAGS=$CXXFLAGS
    LIBS="$4 $LIBS" CXXFLAGS="$CXXFLAGS $CXX20_CXXFLAGS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[$2]], [[(void)sizeof($3);]])], [lfvec_have_$1=yes])
    LIBS=$lfvec_save_LIBS CXXFLAGS=$lfvec_save_CXXFLAGS
    AC_LANG_POP([C++])
    AC_MSG_RESULT([$lfvec_have_$1])
  ])
])

# LFVEC_C_PEER(NAME, INCLUDES, STATEMENT, CFLAGS, LIBS)
AC_DEFUN([LFVEC_C_PEER], [
  lfvec_have_$1=no
  AS_IF([test "x$with_peers" != xno], [
    AC_MSG_CHECKING([whether the peer $1 can be built])
    lfvec_save_LIBS=$LIBS lfvec_save_CFLAGS=$CFLAGS
    LIBS="$5 $LIBS" CFLAGS="$CFLAGS $4"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[$2]], [[$3]])], [lfvec_have_$1=yes])
    LIBS=$lfvec_save_LIBS CFLAGS=$lfvec_save_CFLAGS
    AC_MSG_RESULT([$lfvec_have_$1])
  ])
])

AC_DEFUN([LFVEC_PEERS], [
  AC_ARG_WITH([peers], [AS_HELP_STRING([--with-peers=LIST],
    [what lfvec-bench measures lfvec beside, of bip,blstack,tbb,ckstack,mqueue,redis; or auto (default: what is there; nothing in a build with
     sanitizers), or no])], [], [AS_IF([test "x$enable_sanitizers" = xno], [with_peers=auto], [with_peers=no])])
  AS_CASE([$with_peers], [auto], [lfvec_peers=auto], [yes], [lfvec_peers=yes], [lfvec_peers=no])
  LFVEC_CXX_PAIR
  PKG_CHECK_MODULES([TBB], [tbb], [lfvec_tbb=yes], [lfvec_tbb=no])
  PKG_CHECK_MODULES([CK], [ck], [lfvec_ck=yes], [lfvec_ck=no])
  PKG_CHECK_MODULES([HIREDIS], [hiredis], [lfvec_hiredis=yes], [lfvec_hiredis=no])
  LFVEC_CXX_PEER([bip], [#include <boost/interprocess/containers/vector.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>], [boost::interprocess::vector<int>])
  LFVEC_CXX_PEER([blstack], [#include <boost/lockfree/stack.hpp>], [boost::lockfree::stack<int>])
  LFVEC_CXX_PEER([tbb], [#include <oneapi/tbb/concurrent_vector.h>], [tbb::concurrent_vector<int>], [$TBB_LIBS])
  LFVEC_C_PEER([ckstack], [#include <ck_stack.h>
#ifndef CK_F_STACK_POP_MPMC
#error no ck_stack_pop_mpmc
#endif], [static ck_stack_t s; return ck_stack_pop_mpmc(&s) != 0;], [$CK_CFLAGS], [$CK_LIBS])
  LFVEC_C_PEER([mqueue], [#include <mqueue.h>], [return mq_unlink("/") == 0;])
  LFVEC_C_PEER([redis], [#include <hiredis/hiredis.h>], [redisContext *c = redisConnectUnix(""); return c != 0;], [$HIREDIS_CFLAGS],
               [$HIREDIS_LIBS])
  AS_IF([test $lfvec_tbb = no], [lfvec_have_tbb=no])
  AS_IF([test $lfvec_ck = no], [lfvec_have_ckstack=no])
  AS_IF([test $lfvec_hiredis = no], [lfvec_have_redis=no])
  LFVEC_PEER([bip], [a C++20 compiler and the headers of Boost.Interprocess])
  LFVEC_PEER([blstack], [a C++20 compiler and the headers of Boost.Lockfree])
  LFVEC_PEER([tbb], [a C++20 compiler and oneTBB])
  LFVEC_PEER([ckstack], [Concurrency Kit])
  LFVEC_PEER([mqueue], [POSIX message queues])
  LFVEC_PEER([redis], [hiredis])
  AM_CONDITIONAL([PEERS_CXX], [test "$lfvec_have_bip$lfvec_have_blstack$lfvec_have_tbb" != nonono])
])

# LFVEC_CSV: libcsv, which has no file for pkg-config.
AC_DEFUN([LFVEC_CSV], [
  lfvec_save_LIBS=$LIBS
  AC_CHECK_HEADER([csv.h], [], [AC_MSG_ERROR([csv.h not found: lfvec-shmctl reads CSV by libcsv (Debian: libcsv-dev)])])
  AC_CHECK_LIB([csv], [csv_parse], [AC_SUBST([CSV_LIBS], [-lcsv])],
               [AC_MSG_ERROR([libcsv not found: lfvec-shmctl reads CSV by it (Debian: libcsv-dev)])])
  LIBS=$lfvec_save_LIBS
])
