#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The tcp plugin in a real runner: open, closed and silent ports on loopback, names from a small
# name server, and the guard.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin";
use IO::Socket::IP;
use RunnerDriver;
use Socket qw(:DEFAULT inet_pton AF_INET6);
use Test::More;

my @allow = ('--guard-allow', '127.0.0.0/8,::1/128');

sub listener {
  my ($host) = @_;
  return IO::Socket::IP->new(LocalHost => $host, LocalPort => 0, Listen => 1024);
}

# A port that was free a moment ago.
sub closed_port {
  my ($host) = @_;
  my $l = listener($host) or return undef;
  my $port = $l->sockport;
  close $l;
  return $port;
}

# Answers A and AAAA of the names in the table; NXDOMAIN for others; "silent.*" gets no answer.
sub name_server {
  my (%table) = @_;
  my $s = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Proto => 'udp') or die;
  my $pid = fork() // die;
  return ($s->sockport, $pid) if $pid;
  $SIG{ALRM} = sub { POSIX::_exit(0) };
  alarm 120;
  while (my $from = $s->recv(my $query, 2048)) {
    my ($id, $at, @labels) = (substr($query, 0, 2), 12);
    while (my $n = ord substr $query, $at, 1) {
      push @labels, substr $query, $at + 1, $n;
      $at += $n + 1;
    }
    my $type = unpack 'n', substr $query, $at + 1, 2;
    my $question = substr $query, 12, $at + 5 - 12;
    my $name = lc join '.', @labels;
    next if $name =~ /^silent/;
    my @rows = grep { length($_) == ($type == 1 ? 4 : $type == 28 ? 16 : 0) }
      map { inet_pton(/:/ ? AF_INET6 : AF_INET, $_) } @{ $table{$name} // [] };
    my $flags = $table{$name} ? 0x8180 : 0x8183;
    my $answer = join '', map { pack('n n n N n', 0xc00c, $type, 1, 60, length) . $_ } @rows;
    $s->send($id . pack('n5', $flags, 1, scalar @rows, 0, 0) . $question . $answer, 0, $from);
  }
  POSIX::_exit(0);
}

my $l4 = listener('127.0.0.1');
my $l6 = listener('::1');
my $closed = closed_port('127.0.0.1');
my ($dns_port, $dns_pid) = name_server(
  'good.test' => ['127.0.0.1'], 'both.test' => ['127.0.0.1', '::1'],
  'inside.test' => ['10.1.2.3'], 'mixed.test' => ['10.1.2.3', '127.0.0.1'], 'empty.test' => [],
);
my $self = $$;
END { kill 'TERM', $dns_pid if $dns_pid && $$ == $self }

my $r = RunnerDriver->new(args => [@allow, '--resolver', "127.0.0.1:$dns_port"]);
my %quick = (count => 3, interval => '10ms');

subtest 'an open port' => sub {
  my $o = $r->run('tcp', '127.0.0.1', options => { %quick, port => $l4->sockport });
  is($o->{failure} // 'ok', 'ok', 'ok');
  is($o->{body}{resolvedAddress}, '127.0.0.1', 'address');
  is(scalar @{ $o->{body}{timings} }, 3, 'three round trips');
  ok((!grep { $_->{rtt} <= 0 } @{ $o->{body}{timings} }), 'none is zero');
  my $s = $o->{body}{stats};
  is_deeply([@$s{qw(total rcv drop loss)}], [3, 3, 0, 0], 'counts');
  cmp_ok($s->{min}, '<=', $s->{avg}, 'min <= avg');
  cmp_ok($s->{avg}, '<=', $s->{max}, 'avg <= max');
  like($o->{body}{rawOutput}, qr/3 connections tried, 3 established, 0% loss/, 'rawOutput');
};

subtest 'a closed port' => sub {
  my $o = $r->run('tcp', '127.0.0.1', options => { %quick, port => $closed });
  is($o->{failure}, 'refused', 'refused');
  like($o->{why}, qr/^127\.0\.0\.1 port $closed: connection refused$/, 'one sentence');
  is($o->{body}{stats}{loss}, 100, 'loss');
  is($o->{body}{stats}{min}, undef, 'no round trip is made up');
};

subtest 'IPv6' => sub {
  plan skip_all => 'no IPv6 on this machine' unless $l6;
  my $o = $r->run('tcp', '::1', options => { %quick, port => $l6->sockport });
  is($o->{failure} // 'ok', 'ok', 'ok');
  is($o->{body}{resolvedAddress}, '::1', 'address');
  is($r->run('tcp', '::1', ipVersion => 4)->{failure}, 'resolve', 'asked for as IPv4');
  $o = $r->run('tcp', '::1', options => { %quick, port => closed_port('::1') });
  is($o->{failure}, 'refused', 'closed');
};

subtest 'a silent port' => sub {
  # A listener whose queue is full drops the handshake.
  socket(my $full, AF_INET, SOCK_STREAM, 0) or die;
  bind $full, sockaddr_in(0, inet_aton('127.0.0.1')) or die;
  listen $full, 0;
  my ($port) = sockaddr_in(getsockname $full);
  my @filler = map {
    socket(my $c, AF_INET, SOCK_STREAM, 0);
    $c->blocking(0);
    connect $c, sockaddr_in($port, inet_aton('127.0.0.1'));
    $c
  } 1 .. 4;
  my $o = $r->run('tcp', '127.0.0.1', options => { %quick, count => 2, wait => '200ms', port => $port });
  is($o->{failure}, 'timeout', 'each connection has its own limit');
  is_deeply([@{ $o->{body}{stats} }{qw(total drop)}], [2, 2], 'counts');
  $o = $r->run('tcp', '127.0.0.1', options => { %quick, count => 2, port => $port }, timeoutMs => 200);
  is($o->{failure}, 'timeout', 'and the probe has one');
  cmp_ok($o->{tookUs}, '<', 1_200_000, 'it ends when it is told to');
};

subtest 'names' => sub {
  my %to = (options => { %quick, count => 1, port => $l4->sockport });
  my $o = $r->run('tcp', 'good.test', %to);
  is($o->{failure} // 'ok', 'ok', 'a name') or diag($o->{why});
  is($o->{body}{resolvedAddress}, '127.0.0.1', 'its address');
  cmp_ok($o->{body}{resolveTime}, '>', 0, 'the time of the lookup');
  $o = $r->run('tcp', 'nosuch.test', %to);
  is($o->{failure}, 'resolve', 'a name that does not exist');
  like($o->{why}, qr/nosuch\.test does not exist/, 'is said so');
  $o = $r->run('tcp', 'good.test', %to, ipVersion => 6);
  is($o->{failure}, 'resolve', 'no address of the family');
  like($o->{why}, qr/no IPv6 address/, 'is said so');
  is($r->run('tcp', 'empty.test', %to)->{failure}, 'resolve', 'a name without addresses');
  is($r->run('tcp', 'silent.test', %to, timeoutMs => 300)->{failure}, 'resolve',
    'a name server that does not answer in time');
  is($r->run('tcp', 'good.test', %to)->{body}{stats}{rcv}, 1, 'the resolver still works');
  my @numbers = $r->tasks(map { ['tcp', 'good.test', %to] } 1 .. 50);
  my $got = $r->outcomes(@numbers);
  is((grep { ($_->{failure} // 'ok') eq 'ok' } values %$got), 50, 'fifty lookups at once');
};

subtest 'the guard' => sub {
  my $o = $r->run('tcp', '10.1.2.3', options => \%quick);
  is($o->{failure}, 'guard', 'a private address');
  like($o->{why}, qr/10\.1\.2\.3/, 'is named');
  $o = $r->run('tcp', 'inside.test', options => \%quick);
  is($o->{failure}, 'guard', 'a name of a private address');
  like($o->{why}, qr/inside\.test is 10\.1\.2\.3/, 'both are named');
  $o = $r->run('tcp', 'mixed.test', options => { %quick, port => $l4->sockport });
  is($o->{body}{resolvedAddress}, '127.0.0.1', 'of several addresses only allowed ones are used');
  for my $odd (qw(0x7f.1 127.1 2130706433 [::ffff:10.1.2.3])) {
    my $f = $r->run('tcp', $odd, options => \%quick)->{failure} // 'ok';
    ok($f eq 'guard' || $f eq 'resolve', "$odd: $f");
  }
};

subtest 'pending lookups at the end' => sub {
  $r->tasks(map { ['tcp', "silent$_.test"] } 1 .. 5);
  close $r->{fh};
  is($r->wait, 0, 'do no harm');
};

done_testing;
