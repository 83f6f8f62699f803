#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Two thousand nodes (SONDE_NODES; 500 on a small machine) with real links come back after the
# controller was away: all within 60 s, spread out, and the API answers meanwhile. SONDE_AWAY: how
# long it is away, in seconds.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use Delivery;
use HTTP::Tiny;
use Test::More;
use Time::HiRes qw(sleep time);

sub memory_mb { open my $f, '<', '/proc/meminfo' or return 0; return <$f> =~ /(\d+)/ ? $1 / 1024 : 0 }
sub cores { open my $f, '<', '/proc/cpuinfo' or return 1; return scalar grep { /^processor/ } <$f> }

my $nodes = $ENV{SONDE_NODES} || (cores() >= 4 ? 2000 : 500);
my $away = $ENV{SONDE_AWAY} || 5;
plan skip_all => 'the machine is small' if cores() < 2 || memory_mb() < 4000;
plan skip_all => 'descriptors: ulimit -n is too low' if `sh -c 'ulimit -n'` < 4 * $nodes + 200;

my $d = Delivery->new(nodes => $nodes, flags => [ '-r', 0, '-b', 1000, '-B', 60_000 ]);
my $s = $d->{sonde};
$s->start_controller('--beat', '5');
my $start = time;
$d->start_fleet;
ok($s->until(90, sub { $d->lines('U') >= $nodes }), "$nodes nodes are connected")
  or diag $d->lines('U') . "\n" . $s->log('fleet');
diag sprintf '%d nodes enrolled and connected in %.1f s', $nodes, time - $start;

sub percentile { my ($p, @s) = @_; return $s[ @s * $p / 100 ] }

# The API's answers, one each 20 ms, until told to stop.
sub ask_api {
  my ($seconds, $file) = @_;
  my $pid = fork() // die;
  return $pid if $pid;
  my $http = HTTP::Tiny->new(timeout => 10, keep_alive => 1,
    default_headers => { authorization => "Bearer $s->{token}" });
  my @paths = ('/v1/nodes/fleet-0007', '/health', '/metrics', '/v1/plugins', '/v1/registration-tokens');
  my ($end, @took) = (time + $seconds);
  local $SIG{TERM} = sub { $end = 0 };
  for (my $i = 0; time < $end; $i++) {
    my $t = time;
    my $r = $http->get($s->url . $paths[ $i % @paths ]);
    push @took, $r->{status} == 200 ? 1000 * (time - $t) : -1;
    sleep 0.02;
  }
  open my $f, '>', $file or die;
  print $f map { "$_\n" } @took;
  close $f;
  POSIX::_exit(0);
}

my $before = $d->lines('U');
$s->kill('controller', 'KILL');
sleep $away;
my $back = time;
$s->start_controller('--beat', '5');
my $asker = ask_api(60, "$s->{dir}/api");
my $all = $s->until(60, sub { $d->lines('U') >= $before + $nodes });
my $took = time - $back;
ok($all, sprintf 'all are back after %.1f s', $took) or diag $d->lines('U') - $before . ' are';
kill 'TERM', $asker;

open my $f, '<', $d->{log} or die;
my @up = map { /^U \S+ (\d+)/ ? $1 : () } <$f>;
@up = sort { $a <=> $b } @up[ $before .. $#up ];
my %second;
$second{ int(($_ - $up[0]) / 1000) }++ for @up;
my ($most) = sort { $b <=> $a } values %second;
diag sprintf 'back: p50 %.1f s, p95 %.1f s, all %.1f s; most in one second %d of %d', (percentile(50, @up)
  - $up[0]) / 1000, (percentile(95, @up) - $up[0]) / 1000, ($up[-1] - $up[0]) / 1000, $most, $nodes;
# After five seconds away the delays are 4 to 8 s wide, so a quarter in the fullest second is what to
# expect; without jitter it is all of them.
cmp_ok($most, '<=', $nodes / 2, 'no thundering herd: at most half of them in one second');
waitpid $asker, 0;
open my $answers, '<', "$s->{dir}/api" or die;
my ($failed, @api) = 0;
$_ < 0 ? $failed++ : push @api, 0 + $_ for <$answers>;
@api = sort { $a <=> $b } @api;
diag sprintf 'API meanwhile: %d answers, p50 %.1f ms, p99 %.1f ms, max %.1f ms', scalar @api,
  percentile(50, @api), percentile(99, @api), $api[-1];
ok(@api && !$failed, 'the API answers every request') or diag "$failed failed";
my %status;
$status{ $_->{status} }++ for @{ $s->get('/v1/nodes')->{json} };
is($status{online}, $nodes, 'all are online') or diag explain \%status;
done_testing;
