#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The guard where it counts: a runner in a network namespace of its own, whose every route leads to a
# device that swallows packets, and counters for what leaves towards special and towards public
# addresses. Each spelling of the guard's table, and names whose addresses change with each lookup.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin", "$FindBin::Bin/../lib";
use File::Temp;
use House qw(builddir srcdir slurp);
use IO::Socket::INET;
use JSON::PP ();
use RunnerDriver;
use Socket qw(AF_INET6 inet_pton);
use Test::More;

if (!$ENV{SONDE_GUARD_NS}) {
  plan skip_all => 'needs root' if $>;
  plan skip_all => 'no network namespace can be made' if system 'unshare -n true 2>/dev/null';
  $ENV{SONDE_GUARD_NS} = 1;
  exec 'unshare', '-n', $^X, $0 or die;
}

for (split /\n/, <<'END') {
link set lo up
link add dark type veth peer name pit
link set dark addrgenmode none
link set pit addrgenmode none
link set dark arp off up
link set pit up
addr add 192.0.2.10/24 dev dark
addr add 93.184.216.99/24 dev dark
addr add 2001:db8::10/64 dev dark nodad
route add default dev dark
-6 route add default dev dark
END
  plan skip_all => "ip $_ does not work here" if system "ip $_";
}
if (open my $range, '>', '/proc/sys/net/ipv4/ping_group_range') { print $range "0 2147483647\n" }

# Neighbour discovery is the kernel's own. What is local leaves through lo.
open my $rules, '|-', 'nft -f -' or die;
print $rules <<'END';
table inet watch {
  counter special { }
  counter public { }
  chain out {
    type filter hook output priority 0;
    oif lo udp dport 5300 accept
    oif lo udp sport 5300 accept
    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept
    oif lo counter name special accept
    ip daddr { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12,
      192.0.0.0/24, 192.0.2.0/24, 192.88.99.0/24, 192.168.0.0/16, 198.18.0.0/15, 198.51.100.0/24,
      203.0.113.0/24, 224.0.0.0/3 } counter name special accept
    ip6 daddr != 2000::/3 counter name special accept
    ip6 daddr { 2001::/23, 2001:db8::/32, 2002::/16, 3fff::/20 } counter name special accept
    counter name public
  }
}
END
plan skip_all => 'no nftables' if !close $rules;

sub counted {
  my ($name) = @_;
  return qx{nft list counter inet watch $name} =~ /packets (\d+)/ ? $1 : die 'no counter';
}

# A name server with a mind of its own.
my %answers = (
  'inside.example.com'  => [ [ A => '10.1.2.3' ] ],
  'meta.example.com'    => [ [ A => '169.254.169.254' ] ],
  'inside6.example.com' => [ [ AAAA => 'fd00::1' ] ],
  'mapped.example.com'  => [ [ AAAA => '::ffff:10.0.0.1' ] ],
  'nat64.example.com'   => [ [ AAAA => '64:ff9b:1:a00:0:100::' ] ],
  'isatap.example.com'  => [ [ AAAA => '2a00:1450::5efe:192.168.0.1' ] ],
  'mixed.example.com'   => [ [ A => '10.1.2.3' ], [ A => '93.184.216.34' ], [ AAAA => '::1' ] ],
  'own.example.com'     => [ [ A => '93.184.216.99' ] ],
  'chain.example.com'   => [ [ CNAME => 'inside.example.com' ], [ A => '10.1.2.3' ] ],
  'loop.example.com'    => [ [ CNAME => 'loop.example.com' ] ],
);
my @turns = qw(93.184.216.34 10.9.9.9 127.0.0.1 192.168.7.7);

sub dns_name { return join('', map { pack 'C/a*', $_ } split /\./, $_[0]) . "\0" }

sub answer {
  my ($query, $turn) = @_;
  my ($at, @labels) = (12);
  while (my $n = ord substr $query, $at, 1) { push @labels, substr $query, $at + 1, $n; $at += $n + 1 }
  my $name = lc join '.', @labels;
  my $type = unpack 'n', substr $query, $at + 1, 2;
  my $rows = $answers{$name} // [];
  $rows = [ [ A => $turns[ $turn % @turns ] ], [ AAAA => $turn % 3 ? '::1' : '2606:4700::1111' ] ]
    if $name =~ /rebind/;
  my ($count, $body, $owner) = (0, '', $name);
  for my $row (@$rows) {
    my ($kind, $value) = @$row;
    my ($code, $data) = $kind eq 'A' ? (1, pack 'C4', split /\./, $value)
      : $kind eq 'AAAA' ? (28, inet_pton(AF_INET6, $value)) : (5, dns_name($value));
    next if $code != 5 && $code != $type;
    $body .= dns_name($owner) . pack('n n N n/a*', $code, 1, 0, $data);
    $owner = $value if $code == 5;
    $count++;
  }
  return substr($query, 0, 2) . pack('n5', 0x8180, 1, $count, 0, 0) . substr($query, 12, $at + 5 - 12) . $body;
}

my $server = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => 5300) or die $!;
my $dns = fork() // die;
if (!$dns) {
  for (my $turn = 0;; $turn++) {
    my $from = $server->recv(my $query, 2048) // next;
    $server->send(answer($query, $turn), 0, $from) if length $query > 16;
  }
}
END { local $?; if ($dns) { kill 'KILL', $dns; waitpid $dns, 0 } }

# The literals of the table; strings that no JSON can hold are the unit test's alone.
my @refused;
my $table = slurp(srcdir() . '/t/guard/spellings.h');
while ($table =~ /\{ '(\w)', ((?:"(?:[^"\\]|\\.)*"\s*)+) \}/g) {
  my ($fate, $strings) = ($1, $2);
  my $text = join '', map { eval '"' . quote($_) . '"' } $strings =~ /"((?:[^"\\]|\\.)*)"/g;
  next if !utf8::decode(my $copy = $text);
  utf8::decode($text);
  push @refused, $text if $fate ne 'A';
}
sub quote { my ($s) = @_; $s =~ s/([\$\@])/\\$1/g; return $s }
cmp_ok(scalar @refused, '>=', 300, scalar(@refused) . ' spellings that are refused');

my $own = '93.184.216.99';
my $log = File::Temp->new;
my $runner = sub {
  RunnerDriver->new(log => "$log", plugins => RunnerDriver::plugin_dirs(qw(echo tcp ping sweep)),
    args => [ '--resolver', '127.0.0.1:5300', '--guard-own', $own, '--concurrency', 5000, @_ ]);
};
my %quick = (
  tcp   => { count => 1, wait => '200ms' },
  ping  => { packets => 1, wait => '200ms' },
  sweep => {},
);

sub fates {
  my ($r, $type, @targets) = @_;
  my @numbers = $r->tasks(map { [ $type, $_, options => $quick{$type}, timeoutMs => 3000 ] } @targets);
  my $got = $r->outcomes(@numbers);
  my %count;
  $count{ ($got->{ $_ } // {})->{failure} // 'ok' }++ for @numbers;
  return \%count;
}

for my $type (qw(tcp ping sweep)) {
  subtest "F1 $type" => sub {
    my $r = $runner->();
    my %all;
    for (my $i = 0; $i < @refused; $i += 100) {
      my $last = $i + 99 > $#refused ? $#refused : $i + 99;
      my $f = fates($r, $type, @refused[ $i .. $last ], $own);
      $all{$_} += $f->{$_} for keys %$f;
    }
    # Not a name or an address at all is `resolve`, or an option that is not valid.
    delete @all{qw(guard resolve internal)};
    # A sweep's target is a list of prefixes: more spellings of public addresses are good there.
    delete $all{ok} if $type eq 'sweep';
    is_deeply(\%all, {}, 'each one is refused') or diag explain \%all;
    is(counted('special'), 0, 'no packet went to a special or own address');
    is($r->quit, 0, 'the runner is well');
  };
}

subtest 'F2 names' => sub {
  my $r = $runner->();
  for my $type (qw(tcp ping)) {
    for my $name (qw(inside meta inside6 mapped nat64 isatap own chain)) {
      my $o = $r->run($type, "$name.example.com", options => $quick{$type}, timeoutMs => 3000);
      is($o->{failure}, 'guard', "$type $name") or diag $o->{why};
    }
    isnt($r->run($type, 'loop.example.com', options => $quick{$type}, timeoutMs => 3000)->{failure}, 'ok',
      "$type loop");
    isnt($r->run($type, 'mixed.example.com', options => $quick{$type}, timeoutMs => 3000)->{failure} // 'ok',
      'guard', "$type: of mixed addresses the public one is used");
  }
  is(counted('special'), 0, 'no packet');
};

subtest 'F2 rebinding' => sub {
  my $r = $runner->();
  my $before = counted('public');
  my %all;
  for my $round (1 .. 5) {
    for my $type (qw(tcp ping)) {
      my $f = fates($r, $type, map { "rebind$round-$_.example.com" } 1 .. 100);
      $all{$_} += $f->{$_} for keys %$f;
    }
  }
  my $sum = 0;
  $sum += $_ for values %all;
  is($sum, 1000, '1,000 runs: ' . JSON::PP->new->canonical->encode(\%all));
  cmp_ok($all{guard} // 0, '>', 100, 'the guard saw private answers');
  cmp_ok(counted('public') - $before, '>', 100, 'public ones were probed');
  is(counted('special'), 0, 'no packet to a special address');
};

subtest 'the counter has teeth' => sub {
  my $r = $runner->('--guard-allow', 'private 93.184.216.99/32');
  $r->run('tcp', '10.1.2.3', options => $quick{tcp}, timeoutMs => 3000);
  my $ten = counted('special');
  cmp_ok($ten, '>', 0, 'an allowed private address is reached');
  $r->run('tcp', $own, options => $quick{tcp}, timeoutMs => 3000);
  cmp_ok(counted('special'), '>', $ten, 'and the own one, when the operator allows it');
};

is((grep { /AddressSanitizer|runtime error/ } slurp("$log")), 0, 'no sanitizer report');
done_testing;
