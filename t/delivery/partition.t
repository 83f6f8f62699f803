#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# In the lab, with the link between nodes and controller cut for real: both ways, one way, large packets
# only, and a bad link (5 % loss on a path of 130 ms) on which no node may look offline.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use House qw(capture);
use Delivery;
use Test::More;
use Time::HiRes qw(sleep time);

if (!$ENV{SONDE_LAB_INSIDE}) {
  my $id = $ENV{SONDE_LAB} = "d$$";
  my $lab = "$FindBin::Bin/../lab/lab";
  my ($rc, $text) = capture($lab, 'up');
  plan skip_all => $text =~ s/\s+/ /gr if $rc == 77;
  BAIL_OUT("the lab does not come up: $text") if $rc;
  $ENV{SONDE_LAB_INSIDE} = $id;
  $rc = system($lab, 'exec', 'srv', $^X, $0);
  capture($lab, 'down');
  exit($rc >> 8);
}
my $ns = "sonde-$ENV{SONDE_LAB_INSIDE}-eu";
my $seconds = $ENV{SONDE_PARTITION} || 10;

my $d = Delivery->new(nodes => 4, rate => 100, prefix => [ 'ip', 'netns', 'exec', $ns ],
  sonde => { host => '10.77.4.2', port => 8756 });
my $s = $d->{sonde};
$s->start_controller;
$d->start_fleet;
ok($s->until(30, sub { online() == 4 }), 'four nodes are online') or diag $s->log('fleet');

sub online {
  return scalar grep { $_->{status} eq 'online' } @{ $s->get('/v1/nodes')->{json} || [] };
}

sub nft { system('ip', 'netns', 'exec', $ns, 'nft', @_) == 0 or die "nft @_ ended with $?" }
sub cut {
  my (@rules) = @_;
  nft('add', 'table', 'inet', 'cut');
  nft('add', 'chain', 'inet', 'cut', 'in', '{ type filter hook input priority 0; }');
  nft('add', 'chain', 'inet', 'cut', 'out', '{ type filter hook output priority 0; }');
  nft('add', 'rule', 'inet', 'cut', $_->[0], split / /, $_->[1]) for @rules;
}
sub mend { nft('delete', 'table', 'inet', 'cut') }

for my $case (['both ways', ['in', 'drop'], ['out', 'drop']], ['towards the controller', ['out', 'drop']],
  ['towards the nodes', ['in', 'drop']], ['large packets', ['out', 'meta length > 1400 drop']]) {
  my ($name, @rules) = @$case;
  cut(@rules);
  sleep $seconds;
  mend();
  ok($s->until(60, sub { online() == 4 }), "cut $name: all are back") or diag $s->log('fleet');
}

# A bad link is no lost node. 40 s at one heartbeat a second.
cut(['in', 'numgen random mod 100 < 5 drop'], ['out', 'numgen random mod 100 < 5 drop']);
my ($worst, $end) = (4, time + 40);
while (time < $end) {
  my $now = grep { $_->{status} ne 'offline' } @{ $s->get('/v1/nodes')->{json} || [] };
  $worst = $now if $now < $worst;
  sleep 0.5;
}
mend();
is($worst, 4, 'no node looked offline at 5 % loss');
my $start = time;
ok($d->drain(60), 'all is acknowledged in the end');
my @wrong = $d->check(no_loss => 1, exact => 1);
is(scalar @wrong, 0, $d->total . ' results, the invariants hold')
  or diag join "\n", grep { defined } @wrong[0 .. 9];
done_testing;
