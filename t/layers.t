#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Who may include whom: reads every #include of core/ and plugins/ and holds it against the tables
# below, which say the same as HACKING.md. A header that no table knows is a failure, too.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use House qw(srcdir files slurp);
use Test::More;

# The rooms: which other rooms each may include. Every room may use libc and sonde/.
my %ROOMS = (
  base       => [],
  param      => [qw(base)],
  config     => [qw(base param)],
  guard      => [qw(base)],
  wire       => [qw(base param)],
  loop       => [qw(base)],
  store      => [qw(base wire)],
  net        => [qw(base loop)],
  fetch      => [qw(base)],
  script     => [qw(base param)],
  author     => [qw(base param script)],
  jail       => [qw(base)],
  plug       => [qw(base param)],
  fakehost   => [qw(base param plug)],
  check      => [qw(base param plug jail fakehost)],
  controller => [qw(base param config guard wire loop store net fetch script)],
  node       => [qw(base param config guard wire loop store net fetch)],
  runner     => [qw(base param guard wire loop plug jail check)],
  cli        => [qw(base param config wire loop net fetch)],
);

# Folders of plugins/ that are no plugin but what several share.
my %ENGINES = (cert => 1, connect => 1, icmp => 1, path => 1, rate => 1);

# Library headers of plugins: the folders and files below plugins/ that may include them.
my @PLUGIN_LIBRARIES = (
  [qr{^ldns/},        qw(dns)],
  [qr{^maxminddb\.h$}, qw(mtr/asn.c)],
  [qr{^openssl/},     qw(cert dns http tcp/tls.c tls)],
  [qr{^curl/},        qw(http)],
  [qr{^pcre2\.h$},    qw(connect/pattern.c http/match.c)],
);

# Library headers: where each may be included ("room" or "room/file.c").
my @LIBRARIES = (
  [qr{^libwebsockets\.h$|^lws},         qw(net)],
  [qr{^lmdb\.h$},                       qw(store)],
  [qr{^zlib\.h$},                       qw(net/gzip.c)],
  [qr{^(lua|lualib|lauxlib|luaconf)\.h}, qw(script controller)],
  [qr{^jsmn\.h$},                       qw(wire)],
  [qr{^curl/},                          qw(fetch)],
  [qr{^ares\w*\.h$},                    qw(runner)],
  [qr{^sodium(\.h$|/)},                 qw(base/secret.c)],
  [qr{^jwt\.h$},                        qw(controller/jwt.c)],
  [qr{^yaml\.h$},                       qw(config)],
  [qr{^seccomp\.h$},                    qw(jail)],
  [qr{^histedit\.h$},                   qw(author/prompt.c)],
  [qr{^uv(\.h$|/)},                     qw(loop net node runner controller cli/top_loop.h)],
  [qr{^openssl/},                       qw(net fetch controller base/pins.c)],
  [qr{^jansson\.h$}, qw(param config plug check script author controller node runner cli)],
);

my @LIBC = qw(
  alloca assert complex ctype dirent dlfcn elf endian err errno execinfo fcntl features fenv float
  fnmatch fts ftw getopt glob grp ifaddrs inttypes iso646 langinfo libgen limits link locale malloc math
  netdb nl_types paths poll pthread pty pwd regex sched search semaphore setjmp signal spawn stdalign
  stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings sysexits syslog
  termios tgmath threads time uchar ucontext unistd utime wchar wctype wordexp
);
my %libc = map { ("$_.h" => 1) } @LIBC;

# Why `file` (its path in the tree) must not include `what`; undef when it may.
sub refusal {
  my ($file, $quoted, $what, $tree) = @_;
  return 'names a path upwards' if $what =~ m{(^|/)\.\.(/|$)};
  if ($file =~ m{^plugins/([^/]+)/}) {
    return undef if !$quoted && ($what =~ m{^sonde/} || system_header($what));
    my $type = $1;
    my ($other) = $what =~ m{^([^/]+)/};
    for my $row (@PLUGIN_LIBRARIES) {
      my ($match, @where) = @$row;
      return undef if !$quoted && $what =~ $match && grep { "$file/" =~ m{^plugins/\Q$_\E/} } @where;
    }
    return undef if $quoted && $tree->{"plugins/$type/$what"};
    return undef if $quoted && $tree->{"plugins/$what"} && ($other eq $type || $ENGINES{$other});
    return 'a plugin includes only <sonde/...>, system headers, its own files and an engine';
  }
  my ($room, $rest) = $file =~ m{^core/([^/]+)/(.+)$} or return 'is in no room';
  if ($room eq 'include') {
    return undef if !$quoted && ($what =~ m{^sonde/} || $libc{$what} || $what eq 'sys/socket.h');
    return 'a public header includes only <sonde/...> and libc';
  }
  return "core/$room is in no table" unless $ROOMS{$room};
  if ($quoted) {
    my ($other) = $what =~ m{^([^/]+)/} or return 'is no layer path';
    return "core/$what does not exist" unless $tree->{"core/$what"};
    return undef if $other eq $room || grep { $_ eq $other } @{ $ROOMS{$room} };
    return "$room/ may include only: " . join(' ', @{ $ROOMS{$room} }, 'libc');
  }
  return undef if $what =~ m{^sonde/} || system_header($what);
  for my $row (@LIBRARIES) {
    my ($match, @where) = @$row;
    next unless $what =~ $match;
    return undef if grep { $_ eq $room || $_ eq "$room/$rest" } @where;
    return "<$what> belongs only into " . join(' ', @where);
  }
  return 'is in no table (t/layers.t)';
}

sub system_header {
  my ($what) = @_;
  return $libc{$what} || $what =~ m{^(sys|arpa|net|netinet|netpacket|asm|linux|bits)/};
}

# [line, quoted?, path] of each include of a text, comments left out.
sub includes {
  my ($text) = @_;
  $text =~ s{/\*(.*?)\*/}{ (my $c = $1) =~ tr/\n//cd; " $c" }gse;
  my @found;
  my $line = 0;
  for (split /\n/, $text) {
    $line++;
    if (/^\s*#\s*include\b\s*(.*)$/) {
      my $rest = $1;
      push @found, $rest =~ /^([<"])([^>"]+)[>"]/ ? [$line, $1 eq '"', $2] : [$line, 1, $rest];
    }
  }
  return @found;
}

sub problems {
  my ($file, $text, $tree) = @_;
  my @bad;
  for my $include (includes($text)) {
    my ($line, $quoted, $what) = @$include;
    my $why = refusal($file, $quoted, $what, $tree);
    push @bad, "$file:$line: $what: $why" if defined $why;
  }
  return @bad;
}

my @sources = (files(srcdir(), 'core', qr/\.[ch]$/), files(srcdir(), 'plugins', qr/\.[ch]$/));
my %tree = map { ($_ => 1) } @sources;

subtest 'planted lines are refused' => sub {
  my %plant = map { ($_ => 1) } qw(core/base/buf.h core/wire/wire.h core/node/link.h core/net/net.h
    core/store/store.h plugins/ping/wire.h plugins/icmp/packet.h);
  my @bad = (
    ['core/base/x.c',       '#include "wire/wire.h"'],
    ['core/wire/x.h',       '#include "net/net.h"'],
    ['core/controller/x.c', '#include "node/link.h"'],
    ['core/runner/x.c',     '  #  include   "store/store.h"  /* no */'],
    ['core/net/x.c',        '#include "base/gone.h"'],
    ['core/net/x.c',        '#include "../store/store.h"'],
    ['core/store/x.c',      '#include <libwebsockets.h>'],
    ['core/net/x.c',        '#include <lmdb.h>'],
    ['core/node/x.c',       '#include <lua.h>'],
    ['core/controller/x.c', '#include <jsmn.h>'],
    ['core/cli/x.c',        '#include <curl/curl.h>'],
    ['core/base/rng.c',     '#include <sodium.h>'],
    ['core/runner/x.c',     '#include <yaml.h>'],
    ['core/base/x.c',       '#include <uv.h>'],
    ['core/base/x.c',       '#include <strange.h>'],
    ['core/base/x.c',       '#include MACRO'],
    ['core/attic/x.c',      '#include <stdio.h>'],
    ['core/include/sonde/x.h', '#include <jansson.h>'],
    ['plugins/ping/ping.c', '#include "base/buf.h"'],
    ['plugins/ping/ping.c', '#include <uv.h>'],
    ['plugins/ping/ping.c', '#include <curl/curl.h>'],
    ['plugins/tls/tls.c',   '#include <curl/curl.h>'],
    ['plugins/tcp/tcp.c',   '#include "ping/wire.h"'],
    ['plugins/tcp/tcp.c',   '#include "icmp/gone.h"'],
    ['plugins/tcp/tcp.c',   '#include <openssl/ssl.h>'],
    ['plugins/mtr/mtr.c',   '#include <maxminddb.h>'],
  );
  for my $case (@bad) {
    my ($file, $line) = @$case;
    is(scalar(problems($file, "/* a\nb */\n$line\n", \%plant)), 1, "$file: $line");
  }
  my @good = (
    ['core/base/secret.c',  '#include <sodium.h>'],
    ['core/node/x.c',       '#include "net/net.h"'],
    ['core/node/x.c',       '/* #include "controller/x.h" */'],
    ['core/base/x.c',       "#include <stdio.h>\n#include <linux/errqueue.h>"],
    ['plugins/ping/ping.c', "#include <sonde/plugin.h>\n#include \"wire.h\""],
    ['plugins/http/move.c', '#include <curl/curl.h>'],
    ['plugins/http/match.c', '#include <pcre2.h>'],
    ['plugins/ping/ping.c', "#include \"ping/wire.h\"\n#include \"icmp/packet.h\""],
    ['plugins/tcp/tls.c',   '#include <openssl/ssl.h>'],
  );
  for my $case (@good) {
    my ($file, $line) = @$case;
    is_deeply([problems($file, "$line\n", \%plant)], [], "allowed: $file: $line");
  }
  is_deeply([problems('core/base/x.c', "/*\n\n*/\n#include <uv.h>\n", \%plant)],
    ['core/base/x.c:4: uv.h: <uv.h> belongs only into loop net node runner controller cli/top_loop.h'],
    'a refusal names file and line');
};

subtest 'every room of the table is there, and no other' => sub {
  for my $room (sort keys %ROOMS) {
    ok(-f srcdir() . "/core/$room/local.mk", "core/$room");
  }
  my %seen = map { m{^core/([^/]+)/} ? ($1 => 1) : () } @sources;
  delete $seen{include};
  is_deeply([grep { !$ROOMS{$_} } sort keys %seen], [], 'no room outside the table');
};

cmp_ok(scalar(@sources), '>', 20, 'sources were found');
my @bad = map { problems($_, slurp(srcdir() . "/$_"), \%tree) } @sources;
is_deeply(\@bad, [], 'nobody includes what he may not') or diag(join "\n", @bad);
done_testing;
