#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The SDK as a stranger has it: from an installed tree, with pkg-config alone, plugins are written,
# built, tested and checked, and a runner runs them. `make installcheck` gives it the real tree.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../lib", "$FindBin::Bin/../runner";
use File::Temp;
use House qw(srcdir capture slurp make_var);
use RunnerDriver;
use Sdk qw(installed environment spew);
use Test::More;

my $doc     = slurp(srcdir() . '/doc/plugins.md');
my @headers = map { slurp(srcdir() . "/core/include/sonde/$_.h") } qw(plugin fakehost);
my %at      = map { ($_ => installed($_)) } qw(includedir datadir plugindir);
environment();
my $tmp = File::Temp->newdir;

sub run_in {
  my ($dir, @cmd) = @_;
  return capture('sh', '-c', 'cd "$0" && exec "$@"', $dir, @cmd);
}

subtest 'what is installed' => sub {
  is(slurp("$at{includedir}/sonde/plugin.h"), $headers[0], 'plugin.h');
  is(slurp("$at{includedir}/sonde/fakehost.h"), $headers[1], 'fakehost.h');
  ok(-f "$at{datadir}/aclocal/sonde.m4", 'the macro');
  my ($rc, $flags) = capture(split(' ', $ENV{PKG_CONFIG}), '--cflags', '--libs', 'sonde');
  is($rc, 0, 'sonde.pc') or diag($flags);
  unlike($flags, qr/-l/, 'a plugin links nothing of ours');
  my (undef, $dir) = capture(split(' ', $ENV{PKG_CONFIG}), '--variable=plugindir', 'sonde');
  is($dir, "$at{plugindir}\n", 'the plugin directory');
  ok(-f "$at{plugindir}/ping.so", 'which holds the plugins');
};

subtest 'the template' => sub {
  my ($rc, $said) = run_in("$tmp", 'sonde', 'plugin', 'new', 'mine');
  is($rc, 0, 'sonde plugin new') or diag($said);
  ($rc, $said) = run_in("$tmp/mine", 'make', 'WARN_CFLAGS=-std=gnu11 -Wall -Wextra -Werror '
    . '-Wno-unused-parameter -Wno-missing-field-initializers', 'mine.so', 'mine_test');
  is($rc, 0, 'builds without a warning') or diag($said);
  ($rc, $said) = run_in("$tmp/mine", 'make', 'check');
  is($rc, 0, 'make check') or diag($said);
  like($said, qr/^ok 12 /m, 'its tests ran');
  unlike($said, qr/^not ok/m, 'and passed');
  like($said, qr/^mine\.so: it is well$/m, 'so does sonde plugin check');
  ($rc, $said) = run_in("$tmp/mine", 'make', 'install', "DESTDIR=$tmp/root", 'plugindir=/plugins');
  is($rc, 0, 'make install') or diag($said);
  ok(-x "$tmp/root/plugins/mine.so", 'puts it there');
  ($rc) = run_in("$tmp/mine", 'make', 'clean');
  ok(!-e "$tmp/mine/mine.so", 'make clean');
};

# The blocks of doc/plugins.md: ```c lookup.c ... ```, in order.
my %file;
while ($doc =~ /^```\w+ (\S+)\n(.*?)^```$/msg) {
  $file{$1} .= (defined $file{$1} ? "\n" : '') . $2;
}

subtest 'the plugin of doc/plugins.md' => sub {
  is_deeply([sort keys %file], [qw(lookup.c lookup.md lookup_test.c)], 'its files');
  my $code = grep { /\S/ } split /\n/, $file{'lookup.c'};
  cmp_ok($code, '<=', 75, 'about seventy lines');
  my $blocks = () = $doc =~ /^```/mg;
  my $used   = () = $doc =~ /^```\w+ \S+$/mg;
  is($blocks, 2 * $used, 'every block is part of a file');
  my ($rc, $said) = run_in("$tmp", 'sonde', 'plugin', 'new', 'lookup');
  is($rc, 0, 'sonde plugin new') or diag($said);
  spew("$tmp/lookup/$_", $file{$_}) for keys %file;
  ($rc, $said) = run_in("$tmp/lookup", 'make', 'check', 'CFLAGS=' . $ENV{CFLAGS} . ' -Werror');
  is($rc, 0, 'make check') or diag($said);
  like($said, qr/^ok 10 /m, 'its tests ran');
  like($said, qr/^lookup\.so: it is well$/m, 'it is well');
  unlike($said, qr/^(not ok|warning|error)/m, 'without a finding');
};

subtest 'in a runner' => sub {
  my ($rc, $said) = run_in("$tmp/lookup", 'make', 'install', "DESTDIR=$tmp/root", 'plugindir=/plugins');
  is($rc, 0, 'make install') or diag($said);
  my $r = RunnerDriver->new(plugins => "$tmp/root/plugins", program => $ENV{SONDE_RUNNER},
    args => ['--guard-allow', '127.0.0.0/8']);
  my $o = $r->run('lookup', '127.0.0.1');
  is_deeply($o->{body}, { time => 0, addresses => [ { address => '127.0.0.1' } ],
    rawOutput => "127.0.0.1\n" }, 'a result');
  $o = $r->run('lookup', '127.0.0.1', options => { limit => 65 });
  like($o->{why}, qr/^limit /, 'its rows count');
  $o = $r->run('lookup', '192.0.2.1');
  is($o->{failure} // 'ok', 'guard', 'so does the guard');
};

subtest 'the macro' => sub {
  plan skip_all => 'no autoconf' if (capture('autoconf', '--version'))[0];
  mkdir "$tmp/auto" or die;
  spew("$tmp/auto/configure.ac", <<'AC');
AC_INIT([outside], [1])
AC_PROG_CC
SONDE_PLUGIN([0.1])
AC_CONFIG_FILES([flags])
AC_OUTPUT
AC
  spew("$tmp/auto/flags.in", "\@SONDE_PLUGIN_CFLAGS\@\n\@SONDE_PLUGIN_LDFLAGS\@\n"
    . "\@SONDE_FAKEHOST_LIBS\@\n\@sondeplugindir\@\n");
  for my $step (['aclocal', '-I', "$at{datadir}/aclocal"], ['autoconf'], ['./configure']) {
    my ($rc, $said) = run_in("$tmp/auto", @$step);
    is($rc, 0, $step->[0]) or diag($said);
  }
  my @flags = split /\n/, slurp("$tmp/auto/flags");
  like($flags[0], qr{-I\Q$at{includedir}\E.*-fvisibility=hidden}, 'compiler flags');
  like($flags[1], qr/-module/, 'linker flags');
  like($flags[2], qr/-lsonde-fakehost/, 'the fake host');
  is($flags[3], $at{plugindir}, 'the directory');
  my ($rc, $said) = run_in("$tmp/auto", 'sh', '-c',
    "sed -i 's/0[.]1/99/' configure.ac && autoconf -f && ./configure");
  isnt($rc, 0, 'an older Sonde is refused');
  like($said, qr/plugin header is missing/, 'with a sentence');
};

done_testing;
