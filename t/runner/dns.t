#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The dns plugin in a real runner against servers that lie, stall or flood, on loopback: each task
# ends in its time, says what happened, and the runner stays small. No root, no other program.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin";
use IO::Select;
use IO::Socket::IP;
use RunnerDriver;
use Socket qw(SOL_SOCKET sockaddr_in);
use Test::More;
use Time::HiRes qw(time sleep);

my $self = $$;
my @pids;
END { if ($$ == $self) { local $?; kill 'TERM', @pids; waitpid $_, 0 for @pids } }

# A child that serves for at most two minutes; returns the port.
sub child {
  my ($socket, $serve) = @_;
  my $port = $socket->sockport;
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    $SIG{ALRM} = sub { POSIX::_exit(0) };
    $SIG{PIPE} = 'IGNORE';
    open STDOUT, '>', '/dev/null'; # the harness waits for the end of the other
    alarm 120;
    $serve->($socket);
    POSIX::_exit(0);
  }
  push @pids, $pid;
  return $port;
}

sub udp_socket { return IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Proto => 'udp') }
sub tcp_socket {
  my ($port) = @_;
  return IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $port // 0, Listen => 64, ReuseAddr => 1);
}

sub udp_server {
  my ($answer) = @_;
  return child(udp_socket() // die("udp: $!"), sub {
    my ($s) = @_;
    while (my $from = $s->recv(my $query, 4096)) {
      $s->send($_, 0, $from) for $answer->($query);
    }
  });
}

sub each_connection {
  my ($l, $talk) = @_;
  local $SIG{CHLD} = 'IGNORE';
  while (1) {
    my $c = $l->accept or next;
    next if fork();
    alarm 20;
    open STDERR, '>', '/dev/null';
    $talk->($c);
    POSIX::_exit(0);
  }
}

sub tcp_server {
  my ($talk) = @_;
  return child(tcp_socket() // die("tcp: $!"), sub { each_connection($_[0], $talk) });
}

# The question of a query, and messages that answer it.
sub question {
  my ($q) = @_;
  my $at = 12;
  $at += 1 + ord substr $q, $at, 1 while ord substr $q, $at, 1;
  return substr $q, 12, $at + 5 - 12;
}
sub reply {
  my ($q, %o) = @_;
  return pack('n6', $o{id} // unpack('n', $q), $o{flags} // 0x8180, 1, $o{count} // 1, 0, 0) .
    ($o{question} // question($q)) .
    ($o{rows} // pack('n n n N n a4', 0xc00c, 1, 1, 60, 4, $o{address} // "\xc0\x00\x02\x01"));
}
sub query_of { my ($c) = @_; sysread $c, my $q, 4096; return substr $q, 2 }
sub framed { return pack('n', length $_[0]) . $_[0] }

my $r = RunnerDriver->new(plugins => RunnerDriver::plugin_dirs('dns'), args => ['--guard-allow', '127.0.0.0/8']);

sub ask {
  my ($port, $timeout, %options) = @_;
  my $start = time;
  my $target = delete $options{target} // 'www.example';
  my $o = $r->run('dns', $target, timeoutMs => $timeout,
    options => { resolver => '127.0.0.1', port => $port, %options });
  my $took = (time - $start) * 1000;
  cmp_ok($took, '<', $timeout + 1000, sprintf 'ends in time (%d ms)', $took);
  return $o;
}

subtest 'forged answers are not taken' => sub {
  my $port = udp_server(sub {
    my ($q) = @_;
    my $id = unpack 'n', $q;
    return ((map { reply($q, id => ($id + $_) & 0xffff, address => "\x01\x01\x01\x01") } 1 .. 20),
      reply($q, question => "\x03foo\0" . pack('nn', 1, 1), address => "\x02\x02\x02\x02"),
      reply($q, question => question($q) =~ s/..\z/pack 'n', 3/esr, address => "\x03\x03\x03\x03"),
      $q, '', 'x', "\0" x 12, reply($q));
  });
  my $o = ask($port, 3000);
  is($o->{failure} // 'ok', 'ok', 'ok');
  is($o->{body}{answers}[0]{value}, '192.0.2.1', 'the true one is');
  is($o->{body}{ignored}, 26, 'and the others are counted');
  my $forger = udp_server(sub {
    my ($q) = @_;
    return map { reply($q, id => (unpack('n', $q) + $_) & 0xffff) } 1 .. 60;
  });
  $o = ask($forger, 3000, wait => '300ms', tries => 2);
  is($o->{failure}, 'timeout', 'nothing but forged ones is silence');
  like($o->{why}, qr/120 messages from there did not answer the query/, 'which is told');
};

subtest 'an answer from another address or port is none' => sub {
  my $port = child(udp_socket(), sub {
    my ($s) = @_;
    my $other = udp_socket();
    while (my $from = $s->recv(my $q, 4096)) { $other->send(reply($q), 0, $from) }
  });
  is(ask($port, 3000, wait => '200ms', tries => 1)->{failure}, 'timeout', 'silence');
};

subtest 'port and id are new for each query' => sub {
  my $s = udp_socket();
  my $port = $s->sockport;
  my %options = (resolver => '127.0.0.1', port => $port, wait => '2s', tries => 1);
  my @n = $r->tasks((['dns', 'www.example', options => \%options]) x 200);
  my ($answered, %ports, %ids) = (0);
  while (IO::Select->new($s)->can_read(1)) {
    my $from = $s->recv(my $q, 4096);
    $ports{ (sockaddr_in($from))[0] }++;
    $ids{ unpack 'n', $q }++;
    $s->send(reply($q), 0, $from);
    last if ++$answered == 200;
  }
  is(scalar(grep { !$_->{failure} } values %{ $r->outcomes(@n) }), 200, 'all are answered');
  cmp_ok(scalar keys %ports, '>', 190, 'ports: ' . keys %ports);
  cmp_ok(scalar keys %ids, '>', 190, 'ids: ' . keys %ids);
};

subtest 'mixed case' => sub {
  my $honest = udp_server(sub { return reply($_[0]) });
  my $o = ask($honest, 3000, randomCase => JSON::PP::true, target => 'abcdefghijklmnopqrstuvwxyz.example');
  is($o->{failure} // 'ok', 'ok', 'a server that repeats the letters');
  like($o->{body}{answers}[0]{name}, qr/[a-z].*[A-Z]|[A-Z].*[a-z]/, 'of mixed case');
  my $lower = udp_server(sub { my ($q) = @_; return reply($q, question => lc question($q)) });
  $o = ask($lower, 3000, randomCase => JSON::PP::true, wait => '300ms', tries => 1,
    target => 'abcdefghijklmnopqrstuvwxyz.example');
  is($o->{failure}, 'timeout', 'one that does not');
};

subtest 'loops of compression' => sub {
  my %rows = (
    'a pointer to itself' => "\xc0\x1d" . pack('n n N n a4', 1, 1, 60, 4, '1234'),
    'two that point at each other' => "\xc0\x1f\xc0\x1d" . pack('n n N n a4', 1, 1, 60, 4, '1234'),
    'a label that leads back to itself' => "\x01a\xc0\x1d" . pack('n n N n a4', 1, 1, 60, 4, '1234'),
    'a pointer beyond the end' => "\xff\xff" . pack('n n N n a4', 1, 1, 60, 4, '1234'),
    'an unknown label' => "\x41a\0" . pack('n n N n a4', 1, 1, 60, 4, '1234'),
  );
  for my $what (sort keys %rows) {
    my $port = udp_server(sub { return reply($_[0], rows => $rows{$what}) });
    my $o = ask($port, 3000, target => 'www.example');
    is($o->{failure}, 'protocol', $what);
    is($o->{why}, 'the answer is malformed', 'is told');
  }
  my $port = udp_server(sub { return reply($_[0], rows => pack('n n n N n', 0xc00c, 5, 1, 60, 2) . "\xc0\x29") });
  my $o = ask($port, 3000, target => 'www.example');
  is($o->{body}{answers}[0]{value}, '\# 2 C029', 'in data: as hex');
};

subtest 'answers that are cut off anywhere' => sub {
  my @cuts = (12 .. 44);
  my $at = 0;
  my $port = udp_server(sub { my $m = reply($_[0]); return substr $m, 0, $cuts[$at++ % @cuts] });
  my %options = (resolver => '127.0.0.1', port => $port, wait => '300ms', tries => 1);
  my @n = $r->tasks((['dns', 'www.example', timeoutMs => 3000, options => \%options]) x @cuts);
  my %failures;
  $failures{ $_->{failure} // 'ok' }++ for values %{ $r->outcomes(@n) };
  is(join(' ', sort keys %failures), 'protocol timeout', 'malformed, or no reply at all');
};

sub cut_reply { return reply($_[0], flags => 0x8380, count => 0, rows => '') }

# Over UDP each of these is told to come over TCP.
sub truncating {
  my ($talk) = @_;
  my ($u, $port, $t);
  for (1 .. 50) {
    $u = udp_socket();
    $port = $u->sockport;
    $t = tcp_socket($port) and last;
  }
  child($t, sub { each_connection($_[0], $talk) });
  child($u, sub {
    my ($s) = @_;
    while (my $from = $s->recv(my $q, 4096)) { $s->send(cut_reply($q), 0, $from) }
  });
  return $port;
}

subtest 'truncated, then TCP' => sub {
  my $o = ask(truncating(sub { syswrite $_[0], framed(reply(query_of($_[0]))) }), 3000);
  is($o->{failure} // 'ok', 'ok', 'ok') or diag $o->{why};
  is($o->{body}{protocol}, 'TCP', 'over TCP');
  ok($o->{body}{truncated}, 'truncated');
  like($o->{body}{rawOutput}, qr/^;; Truncated, retrying in TCP mode\.$/m, 'text');
  $o = ask(truncating(sub { syswrite $_[0], framed(cut_reply(query_of($_[0]))) }), 3000);
  is($o->{failure} // 'ok', 'ok', 'truncated again: a result, no circle');
};

subtest 'TCP servers' => sub {
  my %talk = (
    'closes at once' => ['protocol', sub { }],
    'closes after the question' => ['protocol', sub { query_of($_[0]) }],
    'is silent' => ['timeout', sub { sleep 15 }],
    'one byte a second' => ['timeout', sub {
      my ($c) = @_;
      for (split //, framed(reply(query_of($c)))) { syswrite $c, $_ or last; sleep 1 }
    }],
    'announces 64 KiB and floods' => ['protocol', sub {
      my ($c) = @_;
      query_of($c);
      syswrite $c, "\xff\xff";
      1 while syswrite $c, 'x' x 65536;
    }],
    'endless other answers' => ['protocol', sub {
      my ($c) = @_;
      my $q = query_of($c);
      my $m = framed(reply($q, id => unpack('n', $q) ^ 1)) x 500;
      1 while syswrite $c, $m;
    }],
    'endless answers of growing length' => ['protocol', sub {
      my ($c) = @_;
      my $q = query_of($c);
      my ($m, $n) = (reply($q, id => unpack('n', $q) ^ 1), 0);
      1 while syswrite $c, framed($m . ("\0" x ($n = ($n + 97) % 60000)));
    }],
    'an empty message' => ['protocol', sub { my ($c) = @_; query_of($c); syswrite $c, "\0\0"; sleep 15 }],
    'garbage' => ['protocol', sub {
      my ($c) = @_;
      query_of($c);
      syswrite $c, "HTTP/1.1 400 Bad Request\r\n\r\n" x 2000;
      sleep 15;
    }],
    'resets' => ['protocol', sub {
      my ($c) = @_;
      query_of($c);
      setsockopt $c, SOL_SOCKET, Socket::SO_LINGER(), pack 'ii', 1, 0;
    }],
  );
  for my $what (sort keys %talk) {
    my ($want, $talk) = @{ $talk{$what} };
    my $port = tcp_server($talk);
    for my $protocol ('TCP', $want eq 'timeout' && $what =~ /silent/ ? 'DOT' : ()) {
      my $o = ask($port, 1500, protocol => $protocol, wait => '700ms');
      my $expected = $protocol eq 'DOT' ? qr/^(timeout|tls)$/ : qr/^$want$/;
      like($o->{failure}, $expected, "$what ($protocol): " . ($o->{why} // ''));
    }
  }
};

subtest 'a 64 KiB answer' => sub {
  my $row = pack('n n n N n', 0xc00c, 16, 1, 60, 4080) .
    ("\xff" . ("\x01" x 255)) x 15 . ("\xef" . ("\x02" x 239));
  my $big = tcp_server(sub {
    my ($c) = @_;
    syswrite $c, framed(reply(query_of($c), count => 16, rows => $row x 16));
  });
  my $o = ask($big, 5000, protocol => 'TCP');
  is($o->{failure} // 'ok', 'ok', 'ok') or diag $o->{why};
  is(scalar @{ $o->{body}{answers} }, 16, 'all records');
  cmp_ok(length $o->{body}{answers}[15]{value}, '>', 16000, 'in full');
  # Each record's owner and data unfold to a thousand letters.
  my $bomb = tcp_server(sub {
    my ($c) = @_;
    my $q = query_of($c);
    my $name = ("\x3d" . ("\x01" x 61)) x 4 . "\0";
    my $to = 0xc000 | (12 + length(question($q)) + 12);
    my $rows = pack('n n n N n', 0xc00c, 5, 1, 60, length $name) . $name .
      pack('n n n N n n', $to, 5, 1, 60, 2, $to) x 4599;
    syswrite $c, framed(reply($q, count => 4600, rows => $rows));
  });
  $o = ask($bomb, 5000, protocol => 'TCP');
  is($o->{failure} // 'ok', 'ok', 'one that unfolds to ten megabytes') or diag $o->{why};
  ok($o->{body}{cut}, 'is cut');
  cmp_ok(scalar @{ $o->{body}{answers} }, '<', 1000, 'and says so');
};

subtest 'nobody there' => sub {
  my $s = udp_socket();
  my $port = $s->sockport;
  close $s;
  is(ask($port, 3000)->{failure}, 'refused', 'a closed port (UDP)');
  is(ask($port, 3000, protocol => 'TCP')->{failure}, 'refused', 'a closed port (TCP)');
  my $silent = udp_socket();
  my $o = ask($silent->sockport, 700, wait => '5s');
  is($o->{failure}, 'timeout', 'the task ends before the wait');
  is_deeply([@{ $o->{body} }{qw(statusCode statusCodeName answers)}], [undef, undef, []],
    'nulls for what there is not');
  is($o->{body}{timings}{total}, undef, 'no time of zero');
  my %options = (resolver => '127.0.0.1', port => $silent->sockport);
  my ($n) = $r->tasks(['dns', 'www.example', options => \%options]);
  sleep 0.2;
  $r->cancel($n);
  is($r->outcomes($n)->{$n}{failure}, 'cancelled', 'cancelled');
};

# Hands the question to a zone whose one server is on 127.0.0.1.
sub referral {
  my ($q, $zone, $server) = @_;
  return pack('n6', unpack('n', $q), 0x8000, 1, 0, 1, 1) . question($q) . $zone .
    pack('n n N n', 2, 1, 60, length $server) . $server . $server .
    pack('n n N n a4', 1, 1, 60, 4, "\x7f\0\0\1");
}

subtest 'a delegation that leads nowhere' => sub {
  # Each server hands every question to the same zone again, or to one that is not nearer.
  for my $owner ("\0", "\x05other\0") {
    my $port = udp_server(sub {
      my ($q) = @_;
      return referral($q, $owner, "\x02ns\0");
    });
    my $o = ask($port, 5000, trace => JSON::PP::true, roots => '127.0.0.1', resolver => '');
    is($o->{failure}, 'protocol', 'a circle ends');
  }
  # One that invents a nearer zone for each label: as many steps as there are labels, not more.
  my $port = udp_server(sub {
    my ($q) = @_;
    my $name = substr question($q), 0, -4;
    our $depth = ($depth // 0) + 1;
    my @labels;
    push @labels, $1 while $name =~ /\G(\x01.)/gs;
    my $zone = join('', @labels[($depth > @labels ? 0 : @labels - $depth) .. $#labels]) . "\0";
    return referral($q, $zone, "\x02ns$zone");
  });
  my $o = ask($port, 8000, trace => JSON::PP::true, roots => '127.0.0.1', resolver => '',
    target => join('.', ('a') x 100));
  is($o->{failure}, 'protocol', 'a hundred zones end: ' . $o->{why});
  cmp_ok(scalar @{ $o->{body}{hops} }, '<=', 30, 'hops: ' . @{ $o->{body}{hops} });
};

subtest 'what check() refuses' => sub {
  for my $row (['a b', {}, 'target'], ['1.2.3.4', {}, 'target'], ['x' x 64, {}, 'target'], ['', {}, 'target'],
    ['a', { path => '/a b', protocol => 'DOH' }, 'path'], ['a', { path => "/a\r\nX: y", protocol => 'DOH' }, 'path'],
    ['a', { resolver => "a\nb" }, 'resolver'], ['a', { tls => { name => 'a b' } }, 'tls.name'],
    ['a', { roots => '1.2.3.4' }, 'roots'], ['a', { trace => JSON::PP::true, roots => 'x' }, 'roots'],
    ['a', { trace => JSON::PP::true, protocol => 'DOT' }, 'trace'],
    ['a', { ednsSize => 100 }, 'ednsSize'], ['a', { ednsSize => 0, dnssec => JSON::PP::true }, 'dnssec']) {
    my ($target, $options, $path) = @$row;
    my $o = $r->run('dns', $target, options => $options);
    ok($o->{failure} && ($o->{why} // '') =~ /\Q$path\E/, "$path: " . ($o->{why} // 'taken'));
  }
};

open my $status, '<', "/proc/$r->{pid}/status" or die $!;
my ($peak) = map { /^VmHWM:\s+(\d+)/ ? $1 : () } <$status>;
SKIP: {
  skip 'memory under sanitizers is not ours', 1 if `grep -c libasan /proc/$r->{pid}/maps` > 0;
  cmp_ok($peak, '<', 64 << 10, "the runner's largest size: $peak KiB");
}
is($r->quit, 0, 'the runner ends well');
done_testing;
