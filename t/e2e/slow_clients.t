#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Thousands of clients that say nothing, drip bytes, stay silent or do not read: each is closed in its
# time, honest requests are answered meanwhile, memory is bounded and all of it comes back. Then the
# limits for connections, and SYNs that nobody ever answers for.
# SONDE_CLIENTS=10000 for the whole numbers; 1000 else.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../delivery";
use Delivery;
use JSON::PP;
use POSIX ();
use Socket qw(inet_aton PF_INET SOCK_RAW pack_sockaddr_in);
use Sonde;
use Test::More;
use Time::HiRes qw(sleep time);

my $bld = $ENV{top_builddir} || '.';
my $n = $ENV{SONDE_CLIENTS} || 1000;

sub status { my ($pid, $key) = @_; open my $f, '<', "/proc/$pid/status" or return 0; my ($v) = map { /^$key:\s+(\d+)/ } <$f>; return $v }
sub files { my ($pid) = @_; my @f = glob "/proc/$pid/fd/*"; return scalar @f }
sub metric { my ($s, $name) = @_; my ($v) = $s->get('/metrics')->{content} =~ /^sonde_$name (\S+)/m; return $v }

# The rows of a run by kind, and the most memory the controller had meanwhile.
sub strangers {
  my ($s, @args) = @_;
  my $out = "$s->{dir}/strangers.out";
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    open STDOUT, '>', $out;
    exec "$bld/t/net/strangers", '-h', $s->{host}, '-p', $s->{port}, '-t', $s->{token}, @args or POSIX::_exit(127);
  }
  my $most = 0;
  while (waitpid($pid, POSIX::WNOHANG()) == 0) {
    my $rss = status($s->{pids}{controller}, 'VmRSS');
    $most = $rss if $rss > $most;
    sleep 0.1;
  }
  open my $f, '<', $out or die $!;
  return ($most, map { my $r = decode_json($_); ($r->{kind} => $r) } <$f>);
}

# ---- SYNs whose answers go nowhere, in a network of its own; see below
if (($ARGV[0] // '') eq 'half-open') {
  for ('ip link set lo up', 'ip link add a0 type veth peer name b0', 'ip link set a0 arp off', 'ip link set b0 arp off',
    'ip addr add 10.99.0.1/16 dev a0', 'ip link set a0 up', 'ip link set b0 up') {
    if (system($_)) { print "1..0 # SKIP no network to play with: $_\n"; exit }
  }
  for my $if (qw(all lo a0)) { open my $f, '>', "/proc/sys/net/ipv4/conf/$if/rp_filter" or next; print $f "0\n" }
  my $s = Sonde->new(host => '10.99.0.1');
  $s->start_controller;
  socket my $raw, PF_INET, SOCK_RAW, 255 or die "no raw socket: $!";
  my $to = pack_sockaddr_in($s->{port}, inet_aton($s->{host}));
  my $sum = sub { my $t = 0; $t += $_ for unpack 'n*', $_[0]; $t = ($t & 0xffff) + ($t >> 16) while $t >> 16; return ~$t & 0xffff };
  my $half_open = sub { open my $f, '<', '/proc/net/tcp' or die $!; return scalar grep { / 03 / } <$f> };
  for my $i (1 .. $n) {
    my $from = pack 'C4', 10, 99, 1 + ($i >> 8) % 250, $i % 250 + 1;
    my $tcp = pack 'nnNNCCnnn', 1024 + $i % 60000, $s->{port}, $i, 0, 5 << 4, 2, 64240, 0, 0;
    my $pseudo = $from . inet_aton($s->{host}) . pack('CCn', 0, 6, length $tcp) . $tcp;
    substr $tcp, 16, 2, pack 'n', $sum->($pseudo);
    my $ip = pack 'CCnnnCCna4a4', 0x45, 0, 20 + length $tcp, $i & 0xffff, 0, 64, 6, 0, $from, inet_aton($s->{host});
    send $raw, $ip . $tcp, 0, $to or die "send: $!";
  }
  my ($start, $first) = (time, $half_open->());
  my (undef, %r) = strangers($s, '-s', 3);
  $s->until(60, sub { !$half_open->() });
  my $took = time - $start;
  cmp_ok($first, '>', $n < 4000 ? $n / 2 : 1000, "$n SYNs, $first half open");
  is($half_open->(), 0, 'all are forgotten');
  cmp_ok($took, '<', 60, sprintf 'after %.1f s (goal 10)', $took);
  cmp_ok($r{honest}{asked}, '>', 2, 'honest clients ask meanwhile');
  is($r{honest}{failed}, 0, 'and are let in');
  diag sprintf 'half open: %d SYNs, %d kept, forgotten after %.1f s; honest p99 %.1f ms', $n, $first, $took, $r{honest}{p99_ms};
  done_testing;
  exit;
}

# Beside all the rest, which it does not touch.
my $apart;
if (system('unshare -n true >/dev/null 2>&1') == 0) {
  open $apart, '-|', "unshare -n $^X -I$FindBin::Bin/../lib $0 half-open 2>&1" or die $!;
}

my $d = Delivery->new(nodes => 2, rate => 4000);
my $s = $d->{sonde};
$s->start_controller('--log-level', 'warn');
my $pid = $s->{pids}{controller};
$d->start_fleet;
$s->until(60, sub { metric($s, 'results_stored_total') >= 16_000 }) or BAIL_OUT('no results: ' . $s->log('fleet'));
ok($d->drain, 'there is something to read');
$s->kill('fleet', 'TERM');

my %bound = (empty => 10, header => 10, body => 30, node => 5, live => 5, export => 30, reader => 30);
my %ask = (header => $n, body => $n / 10, node => $n / 20, live => $n / 20, export => $n / 20, reader => $n / 20, empty => $n / 5);
my ($rss, $files) = (status($pid, 'VmRSS'), files($pid));
my ($most, %r) = strangers($s, '-a', 200, '-s', 240, '-e', '/v1/export?format=jsonl', map { "$_=$ask{$_}" } sort keys %ask);
for my $kind (sort keys %ask) {
  my $k = $r{$kind};
  is($k->{opened}, $ask{$kind}, "$kind: $ask{$kind} connections");
  is($k->{closed}, $ask{$kind}, "$kind: all closed");
  cmp_ok($k->{longest_ms}, '<=', 6000 * $bound{$kind}, sprintf '%s: the last after %.1f s (goal %d)', $kind, $k->{longest_ms} / 1000, $bound{$kind});
  # Not at once: it had its chance, and there was something to read.
  cmp_ok($k->{longest_ms}, '>', 15_000, "$kind: it was served first") if $bound{$kind} == 30;
  diag sprintf '%-6s %5d closed, the last after %5.1f s (goal %d)', $kind, $k->{closed}, $k->{longest_ms} / 1000, $bound{$kind};
}
my $h = $r{honest};
cmp_ok($h->{asked}, '>', 20, 'honest requests meanwhile');
# One that came with ten thousand others and had not sent its request yet may have lost its place;
# clients ask again when a connection ends before the answer.
cmp_ok($h->{failed}, '<=', 1 + $h->{asked} / 200, 'none of them failed, or one of hundreds');
diag sprintf 'honest: %d requests, p50 %.1f ms, p99 %.1f ms (goal 100), the worst %.1f ms', @$h{qw(asked p50_ms p99_ms max_ms)};
my $readers = $ask{export} + $ask{reader};
my $all = 0;
$all += $_ for values %ask;
my $bound = (16 << 10) + $readers * 256 + $all * 16;
diag sprintf 'memory: %d MiB before, %d at most (+%d KiB a slow reader), bound +%d', $rss >> 10, $most >> 10, ($most - $rss) / $readers, $bound >> 10;
cmp_ok($most - $rss, '<=', $bound, 'memory: 256 KiB a slow reader, 16 a connection') if !$s->sanitized;
ok($s->until(30, sub { files($pid) <= $files + 2 }), 'all descriptors are free again') or diag files($pid) . " and $files before";
ok($s->until(10, sub { metric($s, 'connections') <= 2 && metric($s, 'connection_addresses') <= 1 }), 'and so are the counts');
my $after = status($pid, 'VmRSS');
diag sprintf 'memory afterwards: %d MiB', $after >> 10;
undef $d;

# ---- as many as it takes, and one address too many
my $t = Sonde->new;
$t->start_controller('--connections-max', 400, '--connections-address', 100);
(undef, %r) = strangers($t, '-a', 1, '-s', 120, 'empty=200');
cmp_ok($r{empty}{refused}, '>=', 100, 'one address gets its share, the others of it a 503');
is($r{honest}{failed}, 0, 'other addresses feel nothing');
cmp_ok(metric($t, 'connections_refused_address_total'), '>=', 100, 'they are counted');
is(metric($t, 'connections_refused_full_total'), 0, 'the house was not full');
(undef, %r) = strangers($t, '-a', 16, '-s', 120, 'empty=1000');
is($r{empty}{closed}, 1000, 'a thousand from many addresses: each is closed');
cmp_ok($r{empty}{refused}, '>=', 500, 'most with a 503');
cmp_ok(metric($t, 'connections_refused_full_total'), '>=', 100, 'they are counted');
like($t->log('controller'), qr/connections are refused: as many as are allowed are open/, 'and told');
cmp_ok(scalar(() = $t->log('controller') =~ /connections are refused/g), '<=', 4, 'not each of them');
is($t->get('/v1/nodes')->{status}, 200, 'it serves as before');
undef $t;

subtest 'SYNs without an end' => sub {
  plan skip_all => 'no network namespaces' if !$apart;
  my $text = do { local $/; <$apart> };
  close $apart;
  plan skip_all => $1 if $text =~ /^1\.\.0 # SKIP (.*)/m;
  diag $1 if $text =~ /^# (half open: .*)/m;
  is($?, 0, 'half open connections') or diag $text;
};
done_testing;
