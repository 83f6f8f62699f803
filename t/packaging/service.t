#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What runs the daemons as services: systemd takes the units and calls them well closed, sysusers makes
# the users they name, and the first configurations are ones that the daemons accept, also with every
# example in them switched on.
use strict;
use warnings;
use File::Temp;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(srcdir builddir make_var program capture slurp);
use Test::More;

# Exposure, in tenths: 0 is closed, 100 is open.
my %MOST = (controller => 20, node => 30);
my $tmp  = File::Temp->newdir;

sub spew {
  my ($path, $text) = @_;
  open my $out, '>', $path or die "$path: $!\n";
  print $out $text;
  close $out or die "$path: $!\n";
}

sub unit { return slurp(builddir() . "/packaging/systemd/sonde-$_[0].service") }

# The values of a setting, of all its lines.
sub settings {
  my ($text, $name) = @_;
  return $text =~ /^\Q$name\E=(.*)$/mg;
}

for my $who (sort keys %MOST) {
  my $text = unit($who);
  unlike($text, qr/\@\w+\@/, "$who: every path is filled in");
  is_deeply([ settings($text, 'ExecStart') ],
    [ make_var('sbindir') . "/sonde-$who --config " . make_var('sysconfdir') . "/sonde/$who.yaml" ],
    "$who: what is started");
  like(slurp(srcdir() . "/packaging/sysusers/sonde-$who.conf"),
    qr/^u \Q@{[ settings($text, 'User') ]}\E /m, "$who: its user is made");
  like(slurp(srcdir() . "/packaging/config/$who.yaml"),
    qr{^state: /var/lib/\Q@{[ settings($text, 'StateDirectory') ]}\E$}m, "$who: its state lies where it may write");
}
is_deeply([ map { settings(unit('controller'), $_) } qw(CapabilityBoundingSet AmbientCapabilities) ], [ '', '' ],
  'the controller has no capability');
is_deeply([ map { settings(unit('node'), $_) } qw(CapabilityBoundingSet AmbientCapabilities) ],
  [ 'CAP_NET_RAW', 'CAP_NET_RAW' ], 'the node has one');

subtest 'systemd' => sub {
  plan skip_all => 'no systemd-analyze here: install systemd' unless program('systemd-analyze');
  my $sbin = make_var('sbindir');
  for my $who (sort keys %MOST) {
    # A program has to be there for a unit to be right.
    my $file = "$tmp/sonde-$who.service";
    spew($file, unit($who) =~ s/^(ExecStart=)\Q$sbin\E/$1 . builddir()/emr);
    my ($rc, $said) = capture('systemd-analyze', 'verify', '--man=no', $file);
    is($rc, 0, "$who: is a unit") or diag($said);
    unlike($said, qr/sonde-$who/, "$who: nothing is said against it") or diag($said);
    ($rc, $said) = capture('systemd-analyze', 'security', '--offline=true', '--no-pager', $file);
    my ($score) = $said =~ /Overall exposure level for sonde-$who\.service: ([\d.]+)/;
    cmp_ok(10 * ($score // 10), '<=', $MOST{$who}, "$who: exposure " . ($score // '?')) or diag($said);
  }
  spew("$tmp/wrong.service", "[Service]\nExecStart=/nowhere/at/all\n");
  my ($rc) = capture('systemd-analyze', 'verify', '--man=no', "$tmp/wrong.service");
  isnt($rc, 0, 'a unit that is wrong is found');
};

subtest 'sysusers' => sub {
  plan skip_all => 'no systemd-sysusers here: install systemd' unless program('systemd-sysusers');
  mkdir "$tmp/root";
  my ($rc, $said) = capture('systemd-sysusers', '--dry-run', "--root=$tmp/root",
    map { srcdir() . "/packaging/sysusers/sonde-$_.conf" } sort keys %MOST);
  # An answer is enough: not every system may look into a root.
  is($rc, 0, 'are users that can be made') or diag($said);
  like($said, qr/sonde-$_\b/, "sonde-$_") for sort keys %MOST;
};

# ---- configurations ----

# Examples switched on: "#key:" and "#  key:" below one. What stands for the second time wins.
sub all_of {
  my ($text) = @_;
  $text =~ s/^#(?=\w|  \w+:)//mg;
  my %last;
  my @lines = split /\n/, $text;
  $lines[$_] =~ /^(\w+):/ and $last{$1} = $_ for 0 .. $#lines;
  return join '', map { $lines[$_] =~ /^(\w+):/ && $last{$1} != $_ ? () : "$lines[$_]\n" } 0 .. $#lines;
}

# What the daemon says of its configuration.
sub looks {
  my ($who, $text) = @_;
  spew("$tmp/$who.yaml", $text);
  my ($rc, $said) = capture(builddir() . "/sonde-$who", 'doctor', '--config', "$tmp/$who.yaml",
    '--runner', builddir() . '/sonde-runner', '--plugins', builddir() . '/plugins/echo/.libs');
  return $said =~ /^(\w+ +config .*)$/m ? $1 : $said;
}

delete @ENV{ grep { /^SONDE_/ } keys %ENV };
for my $who (sort keys %MOST) {
  my $text = slurp(srcdir() . "/packaging/config/$who.yaml");
  my $all  = all_of($text);
  like(looks($who, $text), qr/^ok +config /, "$who.yaml is accepted");
  cmp_ok(scalar(() = $all =~ /^ *\w+:/mg), '>', 12, "$who.yaml has examples");
  like(looks($who, $all), qr/^ok +config /, 'which are accepted, too') or diag($all);
  like(looks($who, "$text\nnonsense: 1\n"), qr/^FAIL +config .*nonsense/, 'what is none is not');
}
done_testing;
