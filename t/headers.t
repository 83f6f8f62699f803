#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone, and twice in one file; the public ones as strict C11 and as C++, too.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use House qw(srcdir make_var files capture);
use Test::More;

my $dir     = tempdir(CLEANUP => 1);
my @library = map { split ' ', make_var("${_}_CFLAGS") }
  qw(LUA UV LWS LMDB JANSSON YAML SODIUM CARES CRYPTO SECCOMP CURL);
my @house = ('-D_GNU_SOURCE=1', '-I' . srcdir() . '/core', '-I' . srcdir() . '/core/include');
my @warn  = qw(-fsyntax-only -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers);

sub compiles {
  my ($compiler, $suffix, $flags, $header) = @_;
  my $file = "$dir/one.$suffix";
  open my $out, '>', $file or die "$file: $!\n";
  print $out "#include $header\n#include $header\n";
  close $out or die "$file: $!\n";
  return capture(split(' ', $compiler), @$flags, @warn, @house, $file);
}

my $cc  = make_var('CC');
my $cxx = make_var('CXX');
(my $plain_cc = $cc) =~ s/\s+-std=\S+//g;

my ($rc) = compiles($plain_cc, 'c', ['-std=gnu11'], '"base/buf.h"');
is($rc, 0, 'the compiler works');
($rc) = compiles($plain_cc, 'c', ['-std=gnu11'], '"base/no_such_file.h"');
isnt($rc, 0, 'and can refuse');

my @headers = grep { !m{^core/include/} } files(srcdir(), 'core', qr/\.h$/);
cmp_ok(scalar(@headers), '>', 10, 'headers were found');
for my $header (@headers) {
  (my $name = $header) =~ s{^core/}{};
  my ($code, $text) = compiles($plain_cc, 'c', ['-std=gnu11', @library], "\"$name\"");
  is($code, 0, $name) or diag($text);
}

my @public = files(srcdir(), 'core/include', qr/\.h$/);
cmp_ok(scalar(@public), '>', 0, 'public headers were found');
for my $header (@public) {
  (my $name = $header) =~ s{^core/include/}{};
  for my $as ([$plain_cc, 'c', '-std=c11'], [$cxx, 'cc', '-std=c++11'], [$cxx, 'cc', '-std=c++17']) {
    my ($compiler, $suffix, $std) = @$as;
    my ($code, $text) = compiles($compiler, $suffix, [$std, '-pedantic'], "<$name>");
    is($code, 0, "$name $std") or diag($text);
  }
}
done_testing;
