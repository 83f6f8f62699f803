#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What the built files give and need. A plugin exports one symbol and needs none of ours; the link
# line of a program is its threat model, so each program's libraries are held against a table.
# A piece is looked for when its source is in the tree: a missing binary is then a failure.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use House qw(srcdir builddir files capture slurp);
use Test::More;

# Libraries a program must not need, directly or through another library.
my %MUST_NOT = (
  'sonde-controller' => [qw(libcares libseccomp)],
  'sonde-node'       => [qw(liblua liblua5.4 libcares libseccomp)],
  'sonde-runner'     => [qw(libwebsockets liblmdb liblua liblua5.4 libcurl libssl libyaml)],
  'sonde'            => [qw(liblua liblua5.4 liblmdb libcares libseccomp)],
);
my %MAIN = (
  'sonde-controller' => 'controller',
  'sonde-node'       => 'node',
  'sonde-runner'     => 'runner',
  'sonde'            => 'cli',
);
# A plugin links libc and what the measured protocol needs, never the host's libraries.
my @PLUGIN_MUST_NOT = qw(libwebsockets liblmdb liblua libjansson libuv libcares libseccomp libyaml);

# Instrumentation puts symbols of its own beside ours.
my $TOOLING = qr/^(__(odr_)?(asan|ubsan|lsan|sanitizer|sancov|gcov|start_|stop_)|_?_?llvm_|_init$|_fini$|__bss_start$|_edata$|_end$)/;

# (exported, undefined) names of a shared object.
sub dynamic_symbols {
  my ($file) = @_;
  my ($rc, $text) = capture('readelf', '-W', '--dyn-syms', $file);
  die "readelf: $text" if $rc;
  my (@out, @in);
  for (split /\n/, $text) {
    my (undef, undef, undef, $type, $bind, $vis, $at, $name) = split ' ', $_;
    next unless defined $name && $bind =~ /^(GLOBAL|WEAK)$/;
    $name =~ s/@.*//;
    next if $name =~ $TOOLING;
    push @{ $at eq 'UND' ? \@in : \@out }, $name;
  }
  return (\@out, \@in);
}

# Base names of all libraries a file needs: libuv.so.1 -> libuv.
sub needed {
  my ($file) = @_;
  my ($rc, $text) = capture('ldd', $file);
  my @names = map { m{^\s*(?:\S*/)?(lib[^/\s]+?)(?:\.so[.\d]*|-[\d.]+\.so)(?:\s|$)} ? $1 : () }
    split /\n/, $text;
  return @names;
}

sub elf { my ($path) = @_; return -f $path && slurp($path) =~ /\A\x7fELF/ }

subtest 'the readers read' => sub {
  my @names = needed($^X);
  ok((grep { $_ eq 'libc' } @names), 'perl needs libc') or diag("@names");
  my ($libc) = map { m{=>\s*(\S*/libc\.so\.6)} ? $1 : () } split /\n/, (capture('ldd', $^X))[1];
  my ($out) = dynamic_symbols($libc);
  ok((grep { $_ eq 'printf' } @$out), 'libc exports printf');
};

# Each folder of plugins/ whose C defines a plugin is one of that name.
my %plugin = map { m{^plugins/([^/]+)/} ? ($1 => 1) : () }
  grep { slurp(srcdir() . "/$_") =~ /^SONDE_PLUGIN\b/m } files(srcdir(), 'plugins', qr/\.cc?$/);
my %object = map { m{([^/]+)\.so$} ? ($1 => $_) : () }
  grep { elf(builddir() . "/$_") } files(builddir(), 'plugins', qr/\.so$/);
for my $name (sort keys %plugin) {
  subtest "plugin $name" => sub {
    ok($object{$name}, 'was built') or return;
    my ($out, $in) = dynamic_symbols(builddir() . "/$object{$name}");
    is_deeply($out, ['sonde_plugin'], 'exports sonde_plugin and nothing else');
    is_deeply([grep { /^_?sonde/ } @$in], [], 'needs no symbol of ours');
    my %needs = map { ($_ => 1) } needed(builddir() . "/$object{$name}");
    is_deeply([grep { $needs{$_} } @PLUGIN_MUST_NOT], [], 'links none of the host libraries');
  };
}
is_deeply([grep { !$plugin{$_} } sort keys %object], [], 'no shared object without a plugin source');

my $programs = 0;
for my $name (sort keys %MUST_NOT) {
  my $room = "core/$MAIN{$name}";
  next unless grep { slurp(srcdir() . "/$_") =~ /^int main\(/m } files(srcdir(), $room, qr/\.c$/);
  $programs++;
  subtest $name => sub {
    my ($file) = grep { elf($_) } map { builddir() . "/$_" } ("$room/$name", "$room/.libs/$name", $name);
    ok($file, 'was built') or return;
    my @names = needed($file);
    ok((grep { $_ eq 'libc' } @names), 'its libraries can be read');
    my %needs = map { ($_ => 1) } @names;
    is_deeply([grep { $needs{$_} } @{ $MUST_NOT{$name} }], [], 'links nothing it must not');
  };
}
# Two rooms that define the same global name link only as long as nobody needs both.
sub global_names {
  my ($archive) = @_;
  my ($rc, $text) = capture('nm', '-g', '--defined-only', '-P', $archive);
  die "nm: $text" if $rc;
  return grep { !/$TOOLING/ } map { /^(\S+) [A-Z] / ? $1 : () } split /\n/, $text;
}

my %owners;
for my $archive (files(builddir(), 'core', qr/\.a$/)) {
  push @{ $owners{$_} }, $archive for global_names(builddir() . "/$archive");
}
cmp_ok(scalar(keys %owners), '>', 50, 'the rooms define names');
is_deeply([map { "$_: @{ $owners{$_} }" } grep { @{ $owners{$_} } > 1 } sort keys %owners], [],
  'each global name belongs to one room');

note(scalar(keys %plugin) . " plugins, $programs programs");
done_testing;
