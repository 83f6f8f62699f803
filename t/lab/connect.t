#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# In the lab: tcp, ping over TCP, udp and ntp end to end, each beside the tool it replaces in the same
# namespace; and what the guard refuses sends no packet, counted by the kernel.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../runner";
use House qw(capture program slurp);
use JSON::PP;
use Lab qw(at enter lab_dir netns);
use Peers qw(name_server ntp_server tcp_server udp_server smtp);
use RunnerDriver;
use Sonde;
use Test::More;
use Time::HiRes qw(sleep time);

enter('srv');
my $web = lab_dir() . '/web.crt';


my $s = Sonde->new(host => '10.77.4.2', port => 8756);
$s->start_controller;
my %country = (eu => ['EU', 'DE'], us => ['NA', 'US']);
$s->start_node($_, netns => netns($_),
  flags => { region => $_, continent => $country{$_}[0], country => $country{$_}[1] }) for sort keys %country;
$s->wait_online(sort keys %country);

sub measure {
  my ($type, $target, $from, %options) = @_;
  my $m = $s->measure({ type => $type, target => $target, locations => [ { magic => $from } ],
    timeout => 20, measurementOptions => \%options });
  return $m->{results}[0]{result};
}

# Within a millisecond or five percent; a busy machine gets four chances. Both are subs.
sub near {
  my ($ours, $theirs, $what) = @_;
  my ($o, $t, $room);
  for (1 .. 4) {
    ($o, $t) = ($ours->(), $theirs->());
    $room = 1 > abs($t) * 0.05 ? 1 : abs($t) * 0.05;
    last if abs($o - $t) <= $room;
  }
  ok(abs($o - $t) <= $room, sprintf '%s: %.3f ms, beside %.3f ms', $what, $o, $t);
}

sub curl_connect {
  my ($ip) = @_;
  my @times = map {
    my (undef, $text) = capture(at('eu', 'curl', "-$ip", '-s', '-o', '/dev/null', '-w',
      '%{time_namelookup} %{time_connect}', 'http://www.lab.test/'));
    my ($name, $connect) = split ' ', $text;
    ($connect - $name) * 1000;
  } 1 .. 3;
  return (sort { $a <=> $b } @times)[0];
}

subtest 'tcp beside curl' => sub {
  plan skip_all => 'no curl' unless program('curl');
  for my $ip (4, 6) {
    my $r = measure('tcp', 'www.lab.test', 'eu', port => 80, ipVersion => $ip, interval => '50ms');
    is($r->{status}, 'finished', "IPv$ip from eu") or diag $r->{failureMessage};
    my $curl = sub { curl_connect($ip) };
    near(sub { measure('tcp', 'www.lab.test', 'eu', port => 80, ipVersion => $ip)->{stats}{min} }, $curl,
      "connect over IPv$ip");
    my $p;
    near(sub {
      $p = measure('ping', 'www.lab.test', 'eu', protocol => 'TCP', port => 80, ipVersion => $ip);
      return $p->{stats}{min};
    }, $curl, "ping with TCP over IPv$ip");
    is_deeply([sort keys %{ $p->{timings}[0] }], ['rtt'], 'as Globalping has it');
  }
  is(measure('tcp', 'www.lab.test', 'us', port => 81)->{failure}, 'refused', 'a closed port');
  is(measure('ping', 'www.lab.test', 'us', protocol => 'TCP', port => 81)->{failure}, 'refused',
    'a closed port, by ping');
  my %quick = (count => 2, interval => '10ms', wait => '500ms');
  is(measure('tcp', 'dark.lab.test', 'us', %quick)->{failure}, 'timeout', 'a silent host');
  my $r = measure('tcp', 'reject.lab.test', 'us', %quick);
  is($r->{failure}, 'unreachable', 'a host behind a filter') or diag encode_json($r);
  $r = measure('ping', 'dark.lab.test', 'us', protocol => 'TCP', packets => 2, wait => '300ms');
  is($r->{status}, 'finished', 'loss is a result, as with ICMP');
  is($r->{stats}{loss}, 100, 'of 100 %');
  $r = measure('ping', 'www.lab.test', 'us', source => '10.77.2.2', tos => 32, dontFragment => JSON::PP::true);
  is($r->{status}, 'finished', 'ping from a source') or diag $r->{failureMessage};
  is(measure('ping', 'www.lab.test', 'us', source => '10.77.1.2')->{failure}, 'internal', 'that is not ours');
};

subtest 'TLS beside openssl s_client' => sub {
  my %tls = (port => 443, count => 1, tls => JSON::PP::true);
  my (undef, $text) = capture(at('eu', 'timeout', 20, 'openssl', 's_client', '-connect', 'www.lab.test:443',
    '-servername', 'www.lab.test'));
  my ($code) = $text =~ /Verify return code: (\d+)/;
  my ($protocol, $cipher) = $text =~ /New, (\S+), Cipher is (\S+)/;
  my $r = measure('tcp', 'www.lab.test', 'eu', %tls);
  is($code, 18, 'openssl: self-signed certificate');
  is($r->{failure}, 'tls', 'tcp: refused');
  is($r->{tls}{error}, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'by its name');
  is($r->{tls}{protocol}, $protocol, "the same version ($protocol)");
  is($r->{tls}{cipherName}, $cipher, "the same cipher ($cipher)");
  (undef, $text) = capture(qw(openssl x509 -noout -enddate -dateopt iso_8601 -in), $web);
  my ($day, $time) = $text =~ /notAfter=(\S+) (\S+)Z/;
  is($r->{tls}{expiresAt}, "${day}T$time.000Z", 'the same end of validity');
  $r = measure('tcp', 'www.lab.test', 'eu', %tls, ca => slurp($web),
    dialogue => "send GET / HTTP/1.0\\r\nsend Host: www.lab.test\\r\nsend \\r\nexpect ^HTTP/1.1 200\nexpect ^sonde lab\$");
  is($r->{status}, 'finished', 'trusted with its own authority, and it speaks') or diag $r->{failureMessage};
  my $trips = $protocol eq 'TLSv1.3' ? 1 : 2;
  cmp_ok($r->{tls}{handshakeTime}, '>=', 80 * $trips - 5,
    "$protocol takes $trips round trips: $r->{tls}{handshakeTime} ms");
};

subtest 'a mail server and udp' => sub {
  my $mail = tcp_server('10.77.4.2', sub { smtp($_[0]) });
  my $r = measure('tcp', '10.77.4.2', 'us', port => $mail, count => 1, banner => JSON::PP::true);
  is($r->{banner}, '220 mail.test ESMTP', 'banner');
  my $echo = udp_server('10.77.4.2', sub { $_[0]->send($_[1], 0, $_[2]) });
  $r = measure('udp', '10.77.4.2', 'eu', port => $echo, send => 'lab', expect => '^lab$', count => 4,
    interval => '20ms');
  is($r->{status}, 'finished', 'echo') or diag $r->{failureMessage};
  is($r->{timestamps}, 'kernel', 'stamped by the kernel in both directions');
  near(sub {
    measure('udp', '10.77.4.2', 'eu', port => $echo, send => 'x', count => 4, interval => '20ms')->{stats}{min}
  }, sub {
    my (undef, $text) = capture(at('eu', qw(ping -c 4 -i 0.2 10.77.4.2)));
    return $text =~ m{= ([\d.]+)/} ? $1 : -1;
  }, 'round trip beside ping');
  $r = measure('udp', 'target.lab.test', 'eu', port => 9, send => 'x');
  is($r->{failure}, 'refused', 'a closed port');
  like($r->{failureMessage}, qr/port unreachable, says 10\.77\.5\.2$/, 'says who told so');
  is(measure('udp', 'reject.lab.test', 'eu', port => 9, send => 'x')->{failure}, 'unreachable', 'prohibited');
  is(measure('udp', 'dark.lab.test', 'eu', port => 9, send => 'x', wait => '400ms')->{failure}, 'timeout',
    'silence');
};

sub chronyd {
  my $dir = lab_dir();
  open my $f, '>', "$dir/chrony.conf" or die $!;
  print $f "local stratum 8\nallow all\nbindaddress 10.77.4.2\ncmdport 0\nbindcmdaddress /\n",
    "pidfile $dir/chrony-own.pid\nuser root\n";
  close $f;
  Peers::start(sub {
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$dir/chrony.log";
    open STDERR, '>&', \*STDOUT;
    exec 'timeout', 120, 'chronyd', '-x', '-d', '-f', "$dir/chrony.conf" or POSIX::_exit(127);
  });
}

subtest 'ntp beside chrony and ntpdig' => sub {
  plan skip_all => 'no chronyd' unless program('chronyd');
  chronyd();
  my ($r, $until) = (undef, time + 20);
  do {
    sleep 0.3;
    $r = measure('ntp', '10.77.4.2', 'eu', samples => 4, interval => '100ms', wait => '1s');
  } while (($r->{status} // '') ne 'finished' && time < $until);
  is($r->{status}, 'finished', 'chronyd is asked') or diag encode_json($r);
  is($r->{stratum}, 8, 'stratum');
  is($r->{timestamps}, 'kernel', 'kernel stamps');
  # A busy machine may hold an answer back: ten attempts.
  for (1 .. 10) {
    last if abs($r->{offset}) < 3 && abs($r->{delay} - 80) < 5;
    $r = measure('ntp', '10.77.4.2', 'eu', samples => 4, interval => '100ms');
  }
  cmp_ok(abs($r->{offset}), '<', 3, "one machine, one clock: offset $r->{offset} ms");
  cmp_ok(abs($r->{delay} - 80), '<', 5, "delay $r->{delay} ms is that of the link");

  # A clock that is wrong on purpose; 123 because the other clients know no other port.
  my $wrong = udp_clock('10.77.4.2', 1123, 1.2345);
  $r = measure('ntp', '10.77.4.2', 'eu', port => 1123, samples => 3, interval => '50ms');
  cmp_ok(abs($r->{offset} - 1234.5), '<', 10, "a clock 1234.5 ms ahead: $r->{offset} ms");
  my (undef, $text) = capture(at('eu', 'timeout', 20, 'chronyd', '-Q', '-t', 10, '-f', '/dev/null',
    'server 10.77.4.2 port 1123 iburst', 'pidfile ' . lab_dir() . '/q.pid', 'cmdport 0', 'user root'));
  my ($theirs) = $text =~ /System clock wrong by (-?[\d.]+) seconds/;
  SKIP: {
    skip "chronyd -Q says: $text", 1 unless defined $theirs;
    cmp_ok(abs($r->{offset} - $theirs * 1000), '<', 10, sprintf 'chronyd -Q says %.3f ms', $theirs * 1000);
  }
  SKIP: {
    skip 'no ntpdig', 2 unless program('ntpdig');
    $r = measure('ntp', '10.77.4.2', 'eu', samples => 4, interval => '100ms');
    (undef, $text) = capture(at('eu', 'timeout', 20, 'ntpdig', '10.77.4.2'));
    ($theirs) = $text =~ /\(\+\d+\) ([+-][\d.]+) /;
    ok(defined $theirs, "ntpdig says: $text");
    cmp_ok(abs($r->{offset} - ($theirs // 9) * 1000), '<', 3, "and ntp $r->{offset} ms");
  }
};

sub udp_clock {
  my ($host, $port, $ahead) = @_;
  my $relay = ntp_server(host => '127.0.0.1', ahead => $ahead);
  my $s = IO::Socket::IP->new(LocalHost => $host, LocalPort => $port, Proto => 'udp') or die "port $port: $!";
  Peers::start(sub {
    my $back = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $relay, Proto => 'udp');
    while (defined(my $from = $s->recv(my $q, 2048))) {
      $back->send($q);
      $back->recv(my $a, 2048);
      $s->send($a, 0, $from);
    }
  });
}

# ---- what the guard refuses sends nothing ----

subtest 'no packet to where it is not allowed' => sub {
  system(qw(nft add table inet count)) == 0 or die;
  system('nft', $_) == 0 or die for 'add chain inet count out { type filter hook output priority 0; }',
    'add rule inet count out ip daddr 10.77.5.0/24 counter comment "private"',
    'add rule inet count out ip6 daddr fd77:5::/64 counter comment "private"',
    'add rule inet count out ip daddr 10.77.1.0/24 counter comment "public"';
  my $packets = sub {
    my ($which) = @_;
    my $n = 0;
    $n += $1 while `nft list chain inet count out` =~ /counter packets (\d+) bytes \d+ comment "$which"/g;
    return $n;
  };
  my $dns = name_server('turns.example.com' => sub { $_[0] % 2 ? '10.77.5.2' : '10.77.1.2' },
    'both.example.com' => ['10.77.5.2', '10.77.1.2', 'fd77:5::2'], 'inside.example.com' => ['10.77.5.2', 'fd77:5::2']);
  my $r = RunnerDriver->new(plugins => RunnerDriver::plugin_dirs(qw(tcp ping udp ntp)),
    args => ['--guard-allow', '10.77.1.0/24', '--resolver', "127.0.0.1:$dns"]);
  my %options = (
    tcp  => { port => 80, count => 1, wait => '200ms' },
    ping => { packets => 1, wait => '200ms', protocol => 'TCP' },
    udp  => { port => 9, send => 'x', wait => '200ms' },
    ntp  => { samples => 1, wait => '200ms' },
  );
  my @spellings = qw(10.77.5.2 fd77:5::2 0x0a4d0502 172819714 10.77.1282 012.0115.05.02 ::ffff:10.77.5.2
    ::ffff:a4d:502 64:ff9b::a4d:502 2002:a4d:502:: inside.example.com INSIDE.example.com. 10.77.5.2. [fd77:5::2]);
  my $bad = 0;
  for my $type (sort keys %options) {
    my @numbers = $r->tasks(map { [$type, $_, options => $options{$type}] } @spellings);
    my $got = $r->outcomes(@numbers);
    $bad += grep { ($_->{failure} // 'ok') !~ /^(guard|resolve)$/ } values %$got;
    my @many = $r->tasks(map { [$type, $_ % 3 ? 'turns.example.com' : 'both.example.com', options => $options{$type}] } 1 .. 100);
    $got = $r->outcomes(@many);
    $bad += grep { ($_->{body}{resolvedAddress} // '') =~ /^(10\.77\.5|fd77:5)/ } values %$got;
  }
  is($bad, 0, 'every spelling is refused, every turn is noticed');
  is($packets->('private'), 0, 'no packet to the private network');
  cmp_ok($packets->('public'), '>=', 100, 'what is allowed was sent: ' . $packets->('public') . ' packets');
  is($r->quit, 0, 'the runner ends');
};
done_testing;
