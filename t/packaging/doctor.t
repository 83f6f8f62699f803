#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What root is told of a service that runs as another user: the files are looked at with that user's
# rights, so that a key of the service is well and one of root's is not.
use strict;
use warnings;
use File::Temp;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(builddir capture);
use Test::More;

plan skip_all => 'only root can look as somebody else' if $>;
delete @ENV{ grep { /^SONDE_/ } keys %ENV };
my ($uid, $gid) = (65534, 65534);
my $tmp = File::Temp->newdir;
chmod 0755, "$tmp";
mkdir "$tmp/foreign";
plan skip_all => 'this root cannot give files away' unless chown $uid, $gid, "$tmp/foreign";

sub put {
  my ($file, $owner) = @_;
  open my $out, '>', $file or die "$file: $!\n";
  print $out "x" x 43, "\n";
  close $out;
  chmod 0600, $file;
  chown $owner, $owner, $file or die "$file: $!\n";
}

# The lines of a doctor by what they are about.
sub doctor {
  my ($who) = @_;
  my %lines;
  my ($rc, $said) = capture(builddir() . "/sonde-$who", 'doctor', '--state', "$tmp/$who",
    '--runner', builddir() . '/sonde-runner', '--plugins', builddir() . '/plugins/echo/.libs');
  $lines{$2} .= "$1 $3" while $said =~ /^(ok|warn|FAIL) +(\w+) +(.*)$/mg;
  return (\%lines, $said);
}

my %files = (controller => ["secret", "secret"], node => ["node.key", "key"]);
for my $who (sort keys %files) {
  my ($name, $line) = @{ $files{$who} };
  mkdir "$tmp/$who";
  chmod 0700, "$tmp/$who";
  chown $uid, $gid, "$tmp/$who" or die $!;
  put("$tmp/$who/$name", $uid);
  my ($said, $all) = doctor($who);
  like($said->{state}, qr/^ok /, "$who: its own directory is well") or diag($all);
  unlike($said->{$line}, qr/belongs to user/, "$who: so is its own $name, as to whose it is") or diag($all);
  put("$tmp/$who/$name", 0);
  ($said, $all) = doctor($who);
  like($said->{$line}, qr/^FAIL .*(?:belongs to user 0, and this runs as user $uid|Permission denied)/,
    "$who: one of root is not") or diag($all);
  ok($who ne 'node' || $all =~ /^\w+ +icmp /m, "$who: the rest is looked at, too");
}
done_testing;
