#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The plugins tcp, ping (TCP), udp and ntp in a real runner, beside real and hostile peers on
# loopback. Every path of every result must be in the plugin's table of fields.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin", "$FindBin::Bin/../lib";
use File::Temp qw(tempdir);
use House qw(builddir capture make_var slurp);
use IO::Select;
use JSON::PP ();
use Peers qw(tcp_server udp_server name_server ntp_server authority closed_port smtp reset_on_close settle);
use RunnerDriver;
use Test::More;
use Time::HiRes qw(sleep time);

my $T = JSON::PP::true;
my $F = JSON::PP::false;
my $dirs = RunnerDriver::plugin_dirs(qw(tcp ping udp ntp));
my $dns = name_server(
  'good.test'   => ['127.0.0.1'],
  'inside.test' => ['10.1.2.3'],
  'mixed.test'  => ['10.1.2.3', '127.0.0.1'],
  'turns.test'  => sub { $_[0] % 2 ? '10.1.2.3' : '127.0.0.1' },
);
my $r = RunnerDriver->new(plugins => $dirs,
  args => ['--guard-allow', '127.0.0.0/8,::1/128', '--resolver', "127.0.0.1:$dns"]);
is_deeply([ map { $r->recv->{t} } 1, 2 ], [qw(types ready)], 'the runner is ready');

# ---- every path is in the table ----

my (%fields, %strange);
{
  my ($rc, $text) = capture(builddir() . '/sonde-runner', '--describe', '--plugins', $dirs);
  for my $p (@{ JSON::PP::decode_json($text)->{plugins} }) {
    $fields{ $p->{name} } = { map { ($_->{name} => 1) } @{ $p->{fields} } };
  }
}

sub walk {
  my ($type, $v, $path) = @_;
  if (ref $v eq 'HASH') { walk($type, $v->{$_}, $path eq '' ? $_ : "$path.$_") for keys %$v; }
  elsif (ref $v eq 'ARRAY') { walk($type, $_, "$path\[]") for @$v; }
  $strange{"$type: $path"} = 1
    if $path ne '' && $path ne 'rawOutput' && $path !~ /\[\]$/ && !$fields{$type}{$path};
}

sub probe {
  my ($type, $target, %options) = @_;
  my %more = %{ delete $options{_} // {} };
  my $o = $r->run($type, $target, options => \%options, %more);
  my %body = %{ $o->{body} // {} };
  walk($type, \%body, '') if %body;
  return $o;
}
sub failure { return $_[0]{failure} // 'ok' }

# ---- tcp ----

my $mail = tcp_server('127.0.0.1', sub { smtp($_[0]) });
my %once = (count => 1);

subtest 'a dialogue' => sub {
  my $o = probe('tcp', '127.0.0.1', %once, port => $mail,
    dialogue => "expect ^220 (\\S+)\nsend EHLO \${1}\\r\nexpect ^250-hello (.*)\nexpect ^250 \nsend QUIT\\r\nexpect ^221");
  is(failure($o), 'ok', 'is held') or diag $o->{why};
  is($o->{body}{banner}, '220 mail.test ESMTP', 'banner');
  my @steps = @{ $o->{body}{dialogue} };
  is_deeply([map { $_->{step} } @steps], [qw(expect send expect expect send expect)], 'steps');
  is($steps[1]{text}, "EHLO mail.test\r\n", 'a group is put in');
  is($steps[2]{text}, '250-hello mail.test', 'what matched');
  ok((!grep { $steps[$_]{time} < $steps[ $_ - 1 ]{time} } 1 .. $#steps), 'times rise');
  like($o->{body}{rawOutput}, qr/^< 220 mail.test ESMTP\n> EHLO mail.test/m, 'rawOutput');
  is($o->{body}{tls}, undef, 'no TLS is null');

  $o = probe('tcp', '127.0.0.1', %once, port => $mail, dialogue => "expect ^220 \nsend HELP\\r\nexpect ^250",
    talkWait => '300ms');
  is(failure($o), 'timeout', 'an answer that does not come');
  like($o->{why}, qr/port $mail: the time was over at step 3 \(expect\)$/, 'says where');
  is(scalar @{ $o->{body}{dialogue} }, 2, 'what was done is told');
  $o = probe('tcp', '127.0.0.1', %once, port => $mail, dialogue => "send QUIT\\r\nexpect ^250");
  is(failure($o), 'assertion', 'a server that closes first');
  like($o->{why}, qr/closed the connection at step 2/, 'says so');
  $o = probe('tcp', '127.0.0.1', count => 3, interval => '10ms', port => $mail,
    dialogue => "expect ^220");
  is(scalar @{ $o->{body}{timings} }, 3, 'other connections are measured');
  for my $bad ([dialogue => "hello"], [dialogue => "expect ("], [banner => $T, dialogue => 'expect a'],
    [dialogue => 'starttls', tls => $T], [ca => 'x'], [source => 'eth0']) {
    my $e = probe('tcp', '127.0.0.1', port => 1, @$bad);
    like($e->{why}, qr/^$bad->[0]/, "$bad->[0] is refused: $e->{why}");
  }
};

subtest 'a banner' => sub {
  my $ssh = tcp_server('127.0.0.1', sub { syswrite $_[0], "SSH-2.0-Test_1\r\n"; sleep 5 });
  my $o = probe('tcp', '127.0.0.1', %once, port => $ssh, banner => $T);
  is(failure($o), 'ok', 'comes');
  is($o->{body}{banner}, 'SSH-2.0-Test_1', 'is told');
  is($o->{body}{dialogue}, undef, 'there was no dialogue');
  my $binary = tcp_server('127.0.0.1', sub { syswrite $_[0], "J\0\0\0\x0b8.0\0"; sleep 5 });
  $o = probe('tcp', '127.0.0.1', %once, port => $binary, banner => $T);
  is(failure($o), 'ok', 'without an end is taken after a while');
  like($o->{body}{banner}, qr/^J.*8\.0/s, 'as it is');
  cmp_ok($o->{tookUs}, '>=', 500_000, 'of half a second');
  $o = probe('tcp', '127.0.0.1', %once, port => tcp_server('127.0.0.1', sub { sleep 5 }), banner => $T,
    talkWait => '200ms');
  is(failure($o), 'timeout', 'does not come');
  $o = probe('tcp', '127.0.0.1', %once, port => tcp_server('127.0.0.1', sub { }), banner => $T);
  is(failure($o), 'assertion', 'a server that closes at once');
  $o = probe('tcp', '127.0.0.1', %once, banner => $T,
    port => tcp_server('127.0.0.1', sub { sleep 0.1; reset_on_close($_[0]) }));
  is(failure($o), 'protocol', 'a reset');
};

my $dir = tempdir(CLEANUP => 1);
my $openssl = authority($dir, ['good', 30, 'DNS:www.test,IP:127.0.0.1'], ['old', -1, 'IP:127.0.0.1']);
my $ca = $openssl ? slurp("$dir/ca.pem") : '';
my %tls_port;

sub s_server {
  my ($name) = @_;
  my $port = closed_port('127.0.0.1');
  Peers::start(sub {
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>&', \*STDOUT;
    exec qw(timeout 150 openssl s_server -accept), "127.0.0.1:$port", '-cert', "$dir/$name.pem", '-key',
      "$dir/key.pem", '-cert_chain', "$dir/ca.pem", '-rev' or POSIX::_exit(127);
  });
  settle('127.0.0.1', $port) or die "openssl s_server does not listen";
  return $port;
}

subtest 'TLS' => sub {
  plan skip_all => 'no openssl' unless $openssl;
  $tls_port{$_} = s_server($_) for qw(good old);
  my %tls = (%once, tls => $T, port => $tls_port{good});
  my $o = probe('tcp', '127.0.0.1', %tls, ca => $ca, dialogue => "send hello\nexpect ^olleh");
  is(failure($o), 'ok', 'a trusted certificate, and a dialogue inside') or diag $o->{why};
  my $tls = $o->{body}{tls};
  ok($tls->{authorized}, 'authorized');
  is($tls->{error}, undef, 'no error is null');
  my ($rc, $text) = capture(qw(openssl x509 -noout -enddate -dateopt iso_8601 -in), "$dir/good.pem");
  my ($day, $time) = $text =~ /notAfter=(\S+) (\S+)Z/;
  is($tls->{expiresAt}, "${day}T$time.000Z", 'notAfter as openssl reads it');
  like($tls->{protocol}, qr/^TLSv1\.[23]$/, 'version');
  cmp_ok($tls->{handshakeTime}, '>', 0, 'time');

  $o = probe('tcp', '127.0.0.1', %tls);
  is(failure($o), 'tls', 'an unknown authority');
  is($o->{body}{tls}{error}, 'SELF_SIGNED_CERT_IN_CHAIN', 'by name');
  $o = probe('tcp', '127.0.0.1', %tls, ca => $ca, serverName => 'other.test');
  is($o->{body}{tls}{error}, 'ERR_TLS_CERT_ALTNAME_INVALID', 'another name');
  is(failure(probe('tcp', '127.0.0.1', %tls, ca => $ca, serverName => 'www.test.')), 'ok', 'its own name');
  $o = probe('tcp', '127.0.0.1', %tls, ca => $ca, port => $tls_port{old});
  is($o->{body}{tls}{error}, 'CERT_HAS_EXPIRED', 'an expired one');
  like($o->{why}, qr/CERT_HAS_EXPIRED \(certificate has expired\)/, 'in a sentence');
  $o = probe('tcp', '127.0.0.1', %tls, verify => $F, dialogue => "send abc\nexpect cba");
  is(failure($o), 'ok', 'not verified when told not to');
  ok(!$o->{body}{tls}{authorized}, 'but told');
  is(failure(probe('tcp', '127.0.0.1', %tls, port => $mail)), 'tls', 'a server that does not speak it');
};

subtest 'STARTTLS' => sub {
  plan skip_all => 'no openssl' unless $openssl;
  my $port = tcp_server('127.0.0.1', sub { smtp($_[0], $tls_port{good}) });
  my $script = "expect ^220 \nsend STARTTLS\\r\nexpect ^220 \nstarttls\nsend stressed\nexpect ^desserts";
  my $o = probe('tcp', '127.0.0.1', %once, port => $port, ca => $ca, dialogue => $script);
  is(failure($o), 'ok', 'in the middle') or diag $o->{why};
  ok($o->{body}{tls}{authorized}, 'authorized');
  my $early = tcp_server('127.0.0.1', sub { smtp($_[0], $tls_port{good}, "250 forged\r\n") });
  $o = probe('tcp', '127.0.0.1', %once, port => $early, ca => $ca, dialogue => $script);
  is(failure($o), 'protocol', 'plain text slipped in before it');
};

# ---- ping over TCP ----

subtest 'ping with TCP' => sub {
  my %tcp = (protocol => 'tcp', interval => '10ms');
  my $o = probe('ping', '127.0.0.1', %tcp, port => $mail);
  is(failure($o), 'ok', 'an open port');
  is(scalar @{ $o->{body}{timings} }, 3, 'three packets by default');
  is_deeply([sort keys %{ $o->{body}{timings}[0] }], ['rtt'], 'a row is as Globalping has it');
  is_deeply([@{ $o->{body}{stats} }{qw(total rcv drop loss)}], [3, 3, 0, 0], 'counts');
  is($o->{body}{timestamps}, 'kernel', 'measured by the kernel');
  like($o->{body}{rawOutput}, qr/^Reply from 127\.0\.0\.1 on port $mail: tcp_conn=1 time=/m, 'text');
  my $closed = closed_port('127.0.0.1');
  $o = probe('ping', '127.0.0.1', %tcp, port => $closed);
  is(failure($o), 'refused', 'a closed one');
  is($o->{body}{stats}{min}, undef, 'no time is made up');
  is($o->{body}{stats}{loss}, 100, 'loss');
  $o = probe('ping', '127.0.0.1', %tcp, port => $mail, source => '127.0.0.77', tos => 16);
  is(failure($o), 'ok', 'from an address');
  $o = probe('ping', '127.0.0.1', %tcp, port => $mail, source => '192.0.2.7');
  is($o->{why}, "127.0.0.1 port $mail: the source is no address of this node", 'that must be ours');
  $o = probe('ping', '127.0.0.1', %tcp, port => $mail, packets => 65);
  like($o->{why}, qr/^packets must be at most 64/, 'bounded');
};

# ---- udp ----

my $echo = udp_server('127.0.0.1', sub { $_[0]->send($_[1], 0, $_[2]) });

subtest 'udp' => sub {
  my $o = probe('udp', '127.0.0.1', port => $echo, send => 'ping\\x00\\n', expect => '^ping\\x00$');
  is(failure($o), 'ok', 'an echo') or diag $o->{why};
  is($o->{body}{responseHex}, '70696e67000a', 'its bytes');
  is($o->{body}{timestamps}, 'kernel', 'stamps of the kernel');
  $o = probe('udp', '127.0.0.1', port => $echo, hex => 'ff 00', count => 5, interval => '10ms');
  is_deeply([@{ $o->{body}{stats} }{qw(total rcv loss)}], [5, 5, 0], 'several');
  is($o->{body}{timestamps}, 'kernel', 'all stamped');
  $o = probe('udp', '127.0.0.1', port => $echo, send => 'a', expect => 'b');
  is(failure($o), 'assertion', 'another answer');
  is(failure(probe('udp', '127.0.0.1', port => $echo)), 'ok', 'an empty datagram');
  $o = probe('udp', '127.0.0.1', port => closed_port('127.0.0.1', 'udp'), send => 'a');
  is(failure($o), 'refused', 'a closed port');
  my $mute = udp_server('127.0.0.1', sub { });
  $o = probe('udp', '127.0.0.1', port => $mute, send => 'a', wait => '100ms');
  is(failure($o), 'timeout', 'silence');
  is($o->{body}{response}, undef, 'no answer is null');
  my $large = udp_server('127.0.0.1', sub { $_[0]->send('x' x 60000, 0, $_[2]) });
  $o = probe('udp', '127.0.0.1', port => $large, send => 'a');
  is($o->{body}{packets}[0]{bytes}, 60000, 'a large answer has its length');
  is(length $o->{body}{response}, 1024, 'and is cut');
  ok($o->{body}{truncated}, 'which is told');
  my $stranger = udp_server('127.0.0.1', sub {
    IO::Socket::IP->new(LocalHost => '127.0.0.9', LocalPort => 0, Proto => 'udp')->send('forged', 0, $_[2]);
  });
  $o = probe('udp', '127.0.0.1', port => $stranger, send => 'a', wait => '200ms');
  is(failure($o), 'timeout', 'somebody else is not heard');
  like(probe('udp', '127.0.0.1', port => 1, send => 'a', hex => '00')->{why}, qr/^hex cannot/, 'one payload');
};

# ---- ntp ----

subtest 'ntp' => sub {
  my %quick = (samples => 3, interval => '10ms', wait => '300ms');
  my $o = probe('ntp', '127.0.0.1', %quick, port => ntp_server(ahead => 2.5));
  is(failure($o), 'ok', 'a server') or diag $o->{why};
  cmp_ok(abs($o->{body}{offset} - 2500), '<', 200, "its clock is ahead: $o->{body}{offset} ms");
  is_deeply([@{ $o->{body} }{qw(stratum leap referenceId version)}], [1, 'none', 'TEST', 4], 'header');
  is($o->{body}{kissCode}, undef, 'no kiss');
  cmp_ok(abs($o->{body}{rootDispersion} - 1000 * 0x200 / 65536), '<', 0.001, 'root dispersion');
  $o = probe('ntp', '127.0.0.1', %quick, port => ntp_server(ahead => -86400 * 365 * 20));
  cmp_ok(abs($o->{body}{offset} + 86400e3 * 365 * 20), '<', 200, 'far away');
  $o = probe('ntp', '127.0.0.1', %quick, port => ntp_server(ahead => 1), maxOffset => '500ms');
  is(failure($o), 'assertion', 'too far apart');
  $o = probe('ntp', '127.0.0.1', %quick, port => ntp_server(stratum => 0, refid => 'RATE', flags => 0xe4));
  is(failure($o), 'protocol', "kiss-o'-death");
  is($o->{body}{kissCode}, 'RATE', 'its code');
  is($o->{body}{stats}{total}, 1, 'is obeyed');
  $o = probe('ntp', '127.0.0.1', %quick, port => ntp_server(stratum => 16, flags => 0xe4));
  is(failure($o), 'protocol', 'not synchronised');
  is($o->{body}{offset}, undef, 'its time does not count');
  $o = probe('ntp', '127.0.0.1', %quick, port => ntp_server(origin => 'x' x 8));
  is(failure($o), 'timeout', 'a forged answer');
  is($o->{body}{ignored}, 3, 'is counted as ignored');
  $o = probe('ntp', '127.0.0.1', %quick, port => $echo);
  is(failure($o), 'timeout', 'an echo is no time server');
  $o = probe('ntp', '127.0.0.1', %quick, port => closed_port('127.0.0.1', 'udp'));
  is(failure($o), 'refused', 'nobody there');
};

# ---- hostile peers ----

sub rss_kb { return slurp("/proc/$r->{pid}/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0 }

# A ServerHello and a certificate of 1 MiB.
sub fat_certificate {
  my ($c) = @_;
  sysread $c, my $hello, 4096;
  my $record = sub { pack('C n n', 22, 0x0303, length $_[0]) . $_[0] };
  my $message = sub { pack('C', $_[0]) . substr(pack('N', length $_[1]), 1) . $_[1] };
  my $three = sub { substr pack('N', $_[0]), 1 };
  syswrite $c, $record->($message->(2, pack('n a32 C n C n n n C', 0x0303, 'r' x 32, 0, 0xc02b, 0, 5, 0xff01, 1, 0)));
  my $all = $message->(11, $three->((1 << 20) + 3) . $three->(1 << 20) . 'x' x (1 << 20));
  while (length $all) { defined syswrite $c, $record->(substr $all, 0, 16384, '') or return }
  sleep 10;
}

subtest 'hostile peers' => sub {
  my $flood = tcp_server('127.0.0.1', sub { 1 while defined syswrite $_[0], 'x' x 65536 });
  my $lines = tcp_server('127.0.0.1', sub { 1 while defined syswrite $_[0], "250-no\r\n" x 8000 });
  my $drip = tcp_server('127.0.0.1', sub { while (defined syswrite $_[0], 'x') { sleep 0.2 } });
  my $slow = tcp_server('127.0.0.1', sub {
    syswrite $_[0], "\x16\x03\x03\x40\x00";
    while (defined syswrite $_[0], "\x02") { sleep 0.2 }
  });
  my $fat = tcp_server('127.0.0.1', \&fat_certificate);
  my $hard = tcp_server('127.0.0.1', sub { syswrite $_[0], 'a' x 4000 . "\n"; sleep 5 });
  my %expect = (%once, dialogue => 'expect ^never');
  my @cases = (
    ['a line without an end', 'assertion', port => $flood, %expect],
    ['lines without an end', 'assertion', port => $lines, %expect],
    ['bytes without an end', 'assertion', port => $flood, %once, dialogue => 'expect-bytes never'],
    ['one byte now and then', 'timeout', port => $drip, %expect, talkWait => '1s'],
    ['TLS byte by byte', 'timeout', port => $slow, %once, tls => $T, talkWait => '1s'],
    ['a flood in place of TLS', 'tls', port => $flood, %once, tls => $T],
    ['a certificate of 1 MiB', 'tls', port => $fat, %once, tls => $T],
    ['an expensive expression', 'assertion', port => $hard, %once, dialogue => 'expect (a+)+[bc]'],
  );
  for my $case (@cases) {
    my ($name, $want, %options) = @$case;
    my $o = probe('tcp', '127.0.0.1', %options);
    is(failure($o), $want, "$name: " . ($o->{why} // ''));
    like($o->{why}, qr/excessive message size/, 'for that reason') if $name =~ /1 MiB/;
    cmp_ok($o->{tookUs}, '<', 6_000_000, 'in time');
    cmp_ok($o->{body}{received} // 0, '<=', 70_000, 'not much is read');
  }
  my $o = probe('tcp', '127.0.0.1', %expect, port => $drip, talkWait => '60s', _ => { timeoutMs => 500 });
  is(failure($o), 'timeout', 'the time of the task counts as well');
  cmp_ok($o->{tookUs}, '<', 1_500_000, 'and is kept');
  my @numbers = $r->tasks(map { ['tcp', '127.0.0.1', options => { port => $_ % 2 ? $flood : $lines, %expect }] } 1 .. 40);
  my $got = $r->outcomes(@numbers);
  is((grep { failure($_) eq 'assertion' } values %$got), 40, 'forty floods at once');
  my $udp_flood = udp_server('127.0.0.1', sub { $_[0]->send('noise' x 100, 0, $_[2]) for 1 .. 500 });
  $o = probe('ntp', '127.0.0.1', samples => 2, interval => '10ms', wait => '500ms', port => $udp_flood);
  is(failure($o), 'timeout', 'a flood of datagrams');
  SKIP: {
    skip 'a sanitizer needs memory of its own', 1 if make_var('SAN_CFLAGS') ne '';
    cmp_ok(rss_kb(), '<', 64 << 10, 'the runner stays below 64 MiB: ' . rss_kb() . ' KiB');
  }
};

# ---- the guard ----

subtest 'the guard' => sub {
  my %options = (tcp => { port => $mail, %once, banner => $T }, udp => { port => $echo },
    ntp => { port => $echo }, ping => { protocol => 'tcp', port => $mail });
  for my $type (sort keys %options) {
    for my $target (qw(10.1.2.3 169.254.169.254 0.0.0.0 fd00::1 fe80::1 ::ffff:10.1.2.3 64:ff9b::a01:203 inside.test)) {
      my $o = probe($type, $target, %{ $options{$type} });
      is(failure($o), 'guard', "$type $target");
    }
    my $o = probe($type, 'mixed.test', %{ $options{$type} }, $type =~ /udp|ntp/ ? (wait => '100ms') : ());
    is($o->{body}{resolvedAddress}, '127.0.0.1', "$type: of several addresses only allowed ones");
  }
  my %seen;
  for (1 .. 20) {
    my $o = probe('tcp', 'turns.test', port => $mail, %once);
    $seen{ failure($o) . ' ' . ($o->{body}{resolvedAddress} // '-') }++;
  }
  is_deeply([grep { !/^(ok 127\.0\.0\.1|guard -)$/ } keys %seen], [], 'a name that changes its mind');
};

is_deeply([sort keys %strange], [], 'every path of every result is in the table of fields');
is($r->quit, 0, 'the runner ends well');
done_testing;
