#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# In the lab: traceroute and mtr in a real runner beside the classic tools with the same method. The
# runner has no privilege, and its guard allows the targets but none of the routers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../runner";
use House qw(capture program);
use Lab qw(enter);
use RunnerDriver;
use Test::More;

enter('eu');

my %TARGET = (
  target => { 4 => '10.77.5.2', 6 => 'fd77:5::2' },   # behind ap-r, 130 ms away
  www    => { 4 => '10.77.4.2', 6 => 'fd77:4::2' },   # behind us-r, 80 ms, port 80 open
  dark   => { 4 => '10.77.5.20', 6 => 'fd77:5::20' }, # silent
  reject => { 4 => '10.77.5.30', 6 => 'fd77:5::30' }, # says it is forbidden
  lossy  => { 4 => '10.77.5.40', 6 => 'fd77:5::40' }, # loses a quarter
);
my %RTT = (target => 130, www => 80);
my %FLAG = (ICMP => '-I', UDP => '-U', TCP => '-T');


# What this namespace sends to routers is counted: it must be nothing but the neighbour discovery.
open my $nft, '|-', 'nft', '-f', '-' or die "nft: $!\n";
print $nft <<'RULES';
table inet spy {
  chain out {
    type filter hook output priority 0;
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
    ip daddr { 10.77.1.1, 10.77.101.0/24, 10.77.102.0/24, 10.77.103.0/24 } counter
    ip6 daddr { fd77:1::1, fd77:101::/64, fd77:102::/64, fd77:103::/64 } counter
  }
}
RULES
close $nft or die "nft refused the rules\n";

my $allow = join ',', map { ("$_->{4}/32", "$_->{6}/128") } values %TARGET;
my $runner = RunnerDriver->new(plugins => RunnerDriver::plugin_dirs(qw(traceroute mtr)),
  args => ['--guard-allow', $allow, '--uid', 65534, '--gid', 65534]);

sub ours {
  my ($type, $where, $version, %options) = @_;
  my $o = $runner->run($type, $TARGET{$where}{$version}, options => \%options, timeoutMs => 30_000);
  diag("$type $where: $o->{failure}: $o->{why}") if $o->{failure};
  return $o;
}

# One address or * a hop.
sub our_hops { return join ' ', map { $_->{resolvedAddress} // '*' } @{ $_[0]{body}{hops} } }

sub tool_lines { my (@command) = @_; my ($rc, $text) = capture(@command); return split /\n/, $text }

my $classic = program('traceroute');
for my $version (4, 6) {
  for my $protocol (qw(ICMP UDP TCP)) {
    for my $where (qw(target www)) {
      my $name = "traceroute to $where by $protocol, IPv$version";
      my $port = $where eq 'www' && $protocol eq 'TCP' ? 80 : $protocol eq 'TCP' ? 81 : undef;
      my $o = ours('traceroute', $where, $version, protocol => $protocol, ($port ? (port => $port) : ()));
      my @hops = @{ $o->{body}{hops} };
      ok(!$o->{failure} && $o->{body}{reached}, "$name: reached");
      is(scalar(grep { @{ $_->{timings} } == 2 } @hops), 3, "$name: three hops, two answers each")
        or diag($o->{body}{rawOutput});
      my $rtt = $hops[-1]{timings}[-1]{rtt} // 0;
      # A lower bound only: on a busy machine the lab's delay line is late, and TCP is not stamped.
      cmp_ok($rtt, '>=', $RTT{$where}, "$name: no less than the path's time ($rtt ms)");
      is($o->{body}{summary}{bottleneckHop}, 2, "$name: the line between the regions is the bottleneck");
    SKIP: {
        skip 'no traceroute here', 1 unless $classic;
        my @lines = tool_lines($classic, "-$version", '-n', '-q', 2, '-w', 2, $FLAG{$protocol},
          $port ? ('-p', $port) : (), $TARGET{$where}{$version});
        my @theirs = map { /^\s*\d+\s+(\S+)/ ? $1 : () } @lines;
        is(our_hops($o), "@theirs", "$name: the hops of $classic");
      }
    }
  }
}

subtest 'a silent target' => sub {
  for my $protocol (qw(ICMP UDP TCP)) {
    my $o = ours('traceroute', 'dark', 4, protocol => $protocol, wait => '600ms');
    is(our_hops($o), join(' ', '10.77.1.1', '10.77.102.2', ('*') x 18), "$protocol: what answers is shown");
    ok(!$o->{body}{reached}, "$protocol: not reached");
    is($o->{body}{hops}[5]{resolvedAddress}, undef, 'a silent hop has no address');
    is_deeply($o->{body}{hops}[5]{timings}, [], 'and no times');
  }
};

subtest 'a target that forbids' => sub {
  my $o = ours('traceroute', 'reject', 4);
  is(our_hops($o), '10.77.1.1 10.77.102.2 10.77.5.30', 'the hops');
  is($o->{body}{hops}[2]{icmpCode}, 13, 'its code');
  like($o->{body}{rawOutput}, qr/ ms !X/, 'as the classic tool marks it');
};

# One name or address a hop.
sub our_names { return join ' ', map { $_->{resolvedHostname} // $_->{resolvedAddress} // '*' } @{ $_[0]{body}{hops} } }

for my $version (4, 6) {
  subtest "names of hops, IPv$version" => sub {
    my $o;
    my $want = 'gw.eu.lab.test us.eu-us.lab.test srv.lab.test';
    # A late answer is no name; it is kept for the next trace.
    for (1 .. 20) {
      $o = ours('traceroute', 'www', $version);
      last if our_names($o) eq $want;
    }
    is(our_names($o), $want, 'traceroute');
    my $address = $o->{body}{hops}[1]{resolvedAddress};
    like($o->{body}{rawOutput}, qr/^ 2  us\.eu-us\.lab\.test \(\Q$address\E\)  /m, 'in its text');
  SKIP: {
      skip 'no traceroute here', 1 unless $classic;
      my @theirs = map { /^\s*\d+\s+(\S+ \(\S+\))/ ? $1 : () } tool_lines($classic, "-$version", '-q', 2, '-w', 2,
        '-I', $TARGET{www}{$version});
      my @ours = map { "$_->{resolvedHostname} ($_->{resolvedAddress})" } @{ $o->{body}{hops} };
      is("@ours", "@theirs", "the names of $classic");
    }
    $o = ours('mtr', 'www', $version, packets => 1);
    is(our_names($o), $want, 'mtr');
    $o = ours('traceroute', 'www', $version, names => JSON::PP::false);
    is_deeply([map { $_->{resolvedHostname} } @{ $o->{body}{hops} }], [(undef) x 3], 'none unless wanted');
  };
}

subtest 'the guard' => sub {
  my $o = $runner->run('traceroute', '10.77.102.2');
  is($o->{failure}, 'guard', 'a router is no target here');
};

my $mtr = program('mtr');
for my $version (4, 6) {
  for my $protocol (qw(ICMP UDP TCP)) {
    my $name = "mtr by $protocol, IPv$version";
    my $o = ours('mtr', 'www', $version, protocol => $protocol, packets => 5, interval => '300ms',
      $protocol eq 'TCP' ? (port => 80, maxHops => 20) : ());
    my @stats = map { $_->{stats} } @{ $o->{body}{hops} };
    is(join(' ', map { $_->{loss} } @stats), '0 0 0', "$name: no loss") or diag($o->{body}{rawOutput});
    is(join(' ', map { $_->{rcv} } @stats), '5 5 5', "$name: five answers each");
    my $last = $stats[-1];
    ok($last->{min} <= $last->{avg} && $last->{avg} <= $last->{max} && $last->{jMin} <= $last->{jAvg}
        && $last->{jAvg} <= $last->{jMax}, "$name: figures in order");
  SKIP: {
      skip 'no mtr here', 2 unless $mtr;
      my %flag = (ICMP => [], UDP => ['-u'], TCP => ['-T', '-P', 80]);
      my @rows = map { /^\s*\d+\.\|--\s+(\S+)\s+[\d.]+%?\s+\d+\s+\S+\s+\S+\s+(\S+)/ ? [$1, $2] : () }
        tool_lines($mtr, "-$version", '-n', '-r', '-w', '-c', 5, '-i', 0.3, '-G', 1, @{ $flag{$protocol} },
        $TARGET{www}{$version});
      is(our_hops($o), join(' ', map { $_->[0] } @rows), "$name: the hops of $mtr");
      # Its best, because on a busy machine it reads late what came in time.
      ok(@rows && abs($rows[-1][1] - $last->{min}) < 20,
        "$name: about its best ($last->{min}, " . ($rows[-1][1] // 'none') . ')');
    }
  }
}

subtest 'loss' => sub {
  my $o = ours('mtr', 'lossy', 4, packets => 40, interval => '200ms', wait => '500ms');
  my @stats = map { $_->{stats} } @{ $o->{body}{hops} };
  is(scalar @stats, 3, 'three hops');
  is($stats[1]{loss}, 0, 'routers lose nothing');
  ok($stats[2]{loss} > 0 && $stats[2]{loss} < 70, "the target loses some ($stats[2]{loss} %)");
  is($stats[2]{rcv} + $stats[2]{drop}, $stats[2]{total}, 'counts');
};

my @counted = map { /counter packets (\d+)/ ? $1 : () } tool_lines('nft', 'list', 'table', 'inet', 'spy');
is("@counted", '0 0', 'no packet went to a router');
done_testing;
