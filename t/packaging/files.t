#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The Debian packages against what `make install` puts: each file is in exactly one list of
# packaging/debian, each line of a list has files, and versions and names agree.
use strict;
use warnings;
use File::Temp;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(srcdir builddir make_var files capture slurp);
use Test::More;

my $debian = srcdir() . '/packaging/debian';
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR)};

# As debhelper calls configure; the programs are those of this build.
my %DIRS = (
  prefix => '/usr', sysconfdir => '/etc', localstatedir => '/var', libdir => '/usr/lib/any',
  libexecdir => '/usr/libexec', mandir => '/usr/share/man', systemdsystemunitdir => '/lib/systemd/system',
  zshcompletiondir => '/usr/share/zsh/vendor-completions',
);
my $tmp = File::Temp->newdir;
my ($rc, $said) = capture('make', '-s', '-C', builddir(), 'install', "DESTDIR=$tmp",
  map { "$_=$DIRS{$_}" } sort keys %DIRS);
is($rc, 0, 'make install') or BAIL_OUT($said);
my @installed = map { s{^\./}{}r } files("$tmp", '.', qr/./);
cmp_ok(scalar @installed, '>', 50, 'files are installed');

# A pattern of debhelper: a path with * and ?, or a directory.
sub matcher {
  my ($pattern) = @_;
  my $re = join '', map { $_ eq '*' ? '[^/]*' : $_ eq '?' ? '[^/]' : quotemeta } split /([*?])/, $pattern;
  return qr{^$re(?:/|$)};
}

my (%owners, @idle);
for my $list (files($debian, '.', qr/(?:\.install|not-installed)$/)) {
  for my $pattern (grep { /\S/ && !/^#/ } split /\n/, slurp("$debian/$list")) {
    my $re = matcher($pattern =~ s/^\s+|\s+$//gr);
    my @hits = grep { $_ =~ $re } @installed;
    push @idle, "$list: $pattern" unless @hits;
    push @{ $owners{$_} }, $list for @hits;
  }
}
# What this build was not asked for, or could not make: manual pages need Pod::Man.
@idle = grep { !m{/systemd/|/sysusers\.d/} } @idle if make_var('systemdsystemunitdir') eq 'no';
@idle = grep { !m{/man/} } @idle if !-e builddir() . '/doc/man/sonde.1';
is_deeply([ grep { !$owners{$_} } @installed ], [], 'each file is in a package');
is_deeply([ map { "$_: @{ $owners{$_} }" } grep { @{ $owners{$_} // [] } > 1 } @installed ], [], 'and in one only');
is_deeply(\@idle, [], 'each line of a list has files');

my ($version) = slurp(srcdir() . '/configure.ac') =~ /^AC_INIT\(\[sonde\], \[([^\]]+)\]/m;
like(slurp("$debian/changelog"), qr/^sonde \(\Q$version\E\) /, "the changelog begins with $version");
my @packages = slurp("$debian/control") =~ /^Package: (\S+)$/mg;
is_deeply([ sort map { "./$_.install" } @packages ], [ sort grep { /\.install$/ } files($debian, '.', qr/\.install$/) ],
  'each package has a list');

# What bootstrap installs for a build and what the packages name for one are the same.
my ($build) = slurp(srcdir() . '/bootstrap') =~ /^BUILD_PACKAGES="([^"]+)"/m;
my ($depends) = slurp("$debian/control") =~ /^Build-Depends: (.*?)^[A-Z]/ms;
my @dev = sort grep { /-dev$/ } split ' ', $build;
is_deeply([ sort map { s/,//r } grep { /-dev,?$/ } split ' ', $depends ], \@dev, 'libraries to build with');

for my $script (map { srcdir() . "/$_" } qw(bootstrap packaging/build-deb packaging/try-deb)) {
  my ($wrong, $why) = capture('sh', '-n', $script);
  is($wrong, 0, "$script is a script") or diag($why);
}

# Every page that tells how to use the thing is installed.
my %doc = map { s{.*/}{}r => 1 } grep { m{/doc/} } @installed;
is_deeply([ grep { !$doc{ s{.*/}{}r } } files(srcdir(), 'doc', qr/\.md$/) ], [], 'each page of doc/');
done_testing;
