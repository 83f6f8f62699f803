# SPDX-License-Identifier: Apache-2.0
# What the tests of the SDK share: an installed tree, plugins compiled as a stranger would.
package Sdk;
use strict;
use warnings;
use Exporter 'import';
use File::Temp ();
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(srcdir builddir capture make_var slurp);

our @EXPORT_OK = qw(installed environment sonde run_check compile spew);

# make of the test run must not steer the makes below.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR)};

sub spew {
  my ($path, $text) = @_;
  open my $out, '>', $path or die "$path: $!\n";
  print $out $text;
  close $out or die "$path: $!\n";
}

# The root of an installed tree ("" = this machine): that of `make installcheck`, or one made here.
my $root;
sub root {
  return $root if defined $root;
  my $prefix = make_var('prefix');
  if (defined $ENV{SONDE_TEST_PREFIX}) {
    ($root = $ENV{SONDE_TEST_PREFIX}) =~ s/\Q$prefix\E$//;
    return $root;
  }
  $root = File::Temp->newdir;
  my ($rc, $said) = capture('make', '-s', '-C', builddir(), 'install', "DESTDIR=$root");
  die "make install: $said\n" if $rc;
  return $root;
}

# Where a directory of configure ("libdir") is in that tree.
sub installed { return root() . make_var($_[0]) }

# What a stranger's shell has when Sonde is installed there.
sub environment {
  $ENV{PKG_CONFIG_PATH} = installed('libdir') . '/pkgconfig';
  $ENV{PKG_CONFIG}      = 'pkg-config --define-variable=prefix=' . installed('prefix');
  $ENV{PATH}            = installed('bindir') . ":$ENV{PATH}";
  $ENV{SONDE_RUNNER}    = installed('libexecdir') . '/sonde/sonde-runner';
  # A library that was built with sanitizers is linked with them.
  $ENV{CFLAGS} = join ' ', '-O1 -g -Wno-override-init', make_var('SAN_CFLAGS'), make_var('FUZZ_CFLAGS');
  $ENV{CC} = (split ' ', make_var('CC') || 'cc')[0];
  delete @ENV{qw(top_builddir top_srcdir)};
}

# The client and the runner of the build: (exit code, output).
sub sonde {
  local $ENV{SONDE_RUNNER} = builddir() . '/sonde-runner';
  return capture(builddir() . '/sonde', @_);
}

sub run_check { return sonde('plugin', 'check', @_) }

# Compiles C text into FILE.so as the template's Makefile does.
sub compile {
  my ($dir, $name, $text, @more) = @_;
  spew("$dir/$name.c", $text);
  my @cc = split ' ', make_var('CC') || 'cc';
  my ($rc, $said) = capture(@cc, qw(-std=gnu11 -O1 -fPIC -fvisibility=hidden -shared -w), @more,
    '-I', srcdir() . '/core/include', '-o', "$dir/$name.so", "$dir/$name.c");
  die "cc: $said\n" if $rc;
  chmod 0755, "$dir/$name.so";
  return "$dir/$name.so";
}

1;
