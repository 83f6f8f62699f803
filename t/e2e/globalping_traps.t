#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What breaks clients of Globalping that are not written for us, read from their sources: each a test. The
# answers are looked at as text where a JSON reader would hide the difference (12 against 12.0).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(capture);
use IO::Socket::INET;
use JSON::PP;
use Peers qw(name_server);
use POSIX ();
use Sonde;
use Test::More;

my $s = Sonde->new;
$s->start_controller('--anonymous');
$s->start_node('paris', flags => { country => 'FR', city => 'Paris', region => undef, continent => undef,
  asn => 3215, network => 'Orange S.A.' });
$s->start_node('tokyo', flags => { country => 'JP', city => 'Tokyo', region => undef, continent => undef });
$s->wait_online(qw(paris tokyo));
my @anon = (token => undef);
my $paris = [ { country => 'FR' } ];

# A web server; one with a certificate, where there is openssl.
my @servers;
END { kill 'KILL', @servers if @servers }
sub serve {
  my ($head) = @_;
  my $listen = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1') or die $!;
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    $SIG{PIPE} = 'IGNORE';
    while (my $c = $listen->accept) {
      while (defined(my $line = <$c>)) { last if $line !~ /\S/ }
      print $c "HTTP/1.1 200 OK\r\n${head}Content-Length: 5\r\nConnection: close\r\n\r\nhello";
      close $c;
    }
    POSIX::_exit(0);
  }
  push @servers, $pid;
  return $listen->sockport;
}
sub tls_port {
  my ($rc) = capture('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-days', '2', '-subj', '/CN=trap.example', '-keyout', "$s->{dir}/key", '-out', "$s->{dir}/crt");
  return if $rc;
  my $port = Sonde::free_port();
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>&', \*STDOUT;
    exec 'openssl', 's_server', '-accept', "127.0.0.1:$port", '-www', '-quiet', '-key', "$s->{dir}/key",
      '-cert', "$s->{dir}/crt" or POSIX::_exit(127);
  }
  push @servers, $pid;
  $s->until(20, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") }) or return;
  return $port;
}
my $port = serve("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-One: 1\r\n");
my %get = (request => { method => 'GET' });

# The finished measurement: parsed, with its text in {text}.
sub measured {
  my ($type, $target, $options, %more) = @_;
  my $m = $s->measure({ type => $type, target => $target, measurementOptions => $options, locations => $paris, %more });
  $m->{text} = $s->get("/v1/measurements/$m->{id}")->{content};
  return $m;
}
# All numbers of members of these names, as they stand in the text.
sub numbers { my ($text, @names) = @_; my $n = join '|', @names; return $text =~ /"(?:$n)":\s*([^,}\]\s]+)/g }
sub all_whole {
  my ($name, $least, @numbers) = @_;
  cmp_ok(scalar @numbers, '>=', $least, "$name: are there");
  is_deeply([ grep { !/^(?:-?\d+|null)$/ } @numbers ], [], "$name: whole numbers, or null");
}

my $http = measured(http => '127.0.0.1', { protocol => 'HTTP', port => $port, %get });
my $ping = measured(ping => '127.0.0.1', { packets => 3 });
my $mtr = measured(mtr => '127.0.0.1', { packets => 2 });
my $trace = measured(traceroute => '127.0.0.1', {});
my $dns_port = name_server('www.example.com' => ['192.0.2.80']);
my $dns = measured(dns => 'www.example.com', { resolver => '127.0.0.1', port => $dns_port });

subtest 'trap 1: HTTP timings are whole numbers' => sub {
  my ($timings) = $http->{text} =~ /"timings":\s*(\{[^}]*\})/;
  all_whole('timings', 6, numbers($timings, qw(total dns tcp tls firstByte download)));
  my $t = $http->{results}[0]{result}{timings};
  my $sum = 0;
  $sum += $_ // 0 for @$t{qw(dns tcp tls firstByte download)};
  is($t->{total}, $sum, 'the total is the sum of the slices');
};

subtest 'trap 2: times of a certificate are RFC 3339, or tls is null' => sub {
  ok(exists $http->{results}[0]{result}{tls}, 'without TLS the member is there');
  is($http->{results}[0]{result}{tls}, undef, 'and null');
  my $tls = tls_port() or plan skip_all => 'needs openssl';
  my $r = measured(http => '127.0.0.1', { protocol => 'HTTPS', port => $tls, %get })->{results}[0]{result};
  is($r->{status}, 'finished', 'with a certificate nobody signed') or diag explain $r;
  is(ref $r->{tls}, 'HASH', 'tls is an object');
  like($r->{tls}{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/, $_) for qw(createdAt expiresAt);
  is($r->{tls}{subject}{CN}, 'trap.example', 'subject');
  like($r->{tls}{keyType} // 'null', qr/^(?:RSA|EC|null)$/, 'keyType');
  like($r->{tls}{keyBits}, qr/^\d+$/, 'keyBits');
  like($r->{tls}{$_}, qr/^[0-9A-F]{2}(?::[0-9A-F]{2})*$/, $_) for qw(serialNumber fingerprint256);
  ok(JSON::PP::is_bool($r->{tls}{authorized}), 'authorized is a boolean');
};

subtest 'trap 3: no error is ever compressed' => sub {
  my @encoding = (headers => { 'accept-encoding' => 'br, gzip, zstd, deflate' });
  my @errors = ($s->get('/v1/measurements/nosuchid', @anon, @encoding),
    $s->post('/v1/measurements', { type => 'echo', target => 'x', map { ('unknown' x 9 . $_ => 1) } 1 .. 30 }, @anon, @encoding),
    $s->post('/v1/measurements', '{', @anon, @encoding),
    $s->post('/v1/measurements', { type => 'echo', target => 'x' }, token => 'x', @encoding),
    $s->post('/v1/measurements', { type => 'echo', target => 'x', locations => [ { country => 'AQ' } ] }, @anon, @encoding));
  is_deeply([ map { $_->{status} } @errors ], [ 404, 400, 400, 401, 422 ], 'errors of every kind');
  ok((grep { length $_->{content} > 2000 } @errors), 'a long one is among them');
  for my $r (@errors) {
    ok(!defined $r->{headers}{'content-encoding'}, "$r->{status}: as it is");
    ok($r->{json}{error}{type}, "$r->{status}: readable");
  }
};

subtest 'trap 4: an ETag on every good answer, and a 304 without a body' => sub {
  my $r = $s->get("/v1/measurements/$ping->{id}");
  like($r->{headers}{etag}, qr{^W/"[0-9a-f]+-[0-9a-f]{16}"$}, 'finished');
  my $n = $s->get("/v1/measurements/$ping->{id}", headers => { 'if-none-match' => $r->{headers}{etag} });
  is($n->{status}, 304, 'not modified');
  is(length($n->{content} // ''), 0, 'without a body');
  ok(!$n->{headers}{'content-length'}, 'and without a length of one');
  is($n->{headers}{etag}, $r->{headers}{etag}, 'with the ETag');
  my $open = $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1', measurementOptions => { packets => 8 } });
  my $first = $s->get("/v1/measurements/$open->{json}{id}");
  is($first->{json}{status}, 'in-progress', 'one that runs');
  ok($first->{headers}{etag}, 'has one, too');
  is($s->get("/v1/measurements/$open->{json}{id}", headers => { 'if-none-match' => $first->{headers}{etag} })->{status}, 304,
    'not modified while nothing is new');
  $s->finished($open->{json}{id});
  my $changed = $s->get("/v1/measurements/$open->{json}{id}", headers => { 'if-none-match' => $first->{headers}{etag} });
  is($changed->{status}, 200, 'and the answer when something is');
  is($changed->{json}{status}, 'finished', 'it is finished');
};

subtest 'trap 5: every answer says that it is JSON' => sub {
  for my $path ("/v1/measurements/$ping->{id}", '/v1/probes', '/v1/limits', '/v1/measurements/nosuchid', '/v1/nosuch') {
    my $r = $s->get($path, $path eq '/v1/limits' ? () : @anon);
    like($r->{headers}{'content-type'}, qr{^application/json}, "$r->{status} $path");
    ok(ref $r->{json}, 'and is it');
  }
  my $r = $s->post('/v1/measurements', { type => 'echo', target => 'x' }, @anon);
  like($r->{headers}{'content-type'}, qr{^application/json}, 'an accepted one');
};

subtest 'trap 6: headers are texts, an array only where there are several' => sub {
  my $h = $http->{results}[0]{result}{headers};
  is_deeply($h->{'set-cookie'}, [ 'a=1', 'b=2' ], 'two of one name');
  is($h->{'x-one'}, '1', 'one of another');
  is_deeply([ grep { $_ ne lc } keys %$h ], [], 'names in lower case');
  is_deeply([ grep { ref $h->{$_} } sort keys %$h ], ['set-cookie'], 'no other array');
};

subtest 'trap 7: counts are whole numbers' => sub {
  all_whole('probesCount', 1, numbers($_->{text}, 'probesCount')) for $ping, $mtr;
  all_whole('asn of the probe', 1, numbers($ping->{text}, 'asn'));
  all_whole('stats of ping', 3, numbers($ping->{text}, qw(total rcv drop)));
  all_whole('ttl', 3, numbers($ping->{text}, 'ttl'));
  all_whole('stats of mtr', 3, numbers($mtr->{text}, qw(total rcv drop)));
  all_whole('statusCode of dns', 1, numbers($dns->{text}, 'statusCode'));
  all_whole('ttl of dns', 1, numbers($dns->{text}, 'ttl'));
  all_whole('statusCode of http', 1, numbers($http->{text}, 'statusCode'));
  my $limits = $s->get('/v1/limits', @anon)->{content};
  all_whole('limits', 3, numbers($limits, qw(limit remaining reset)));
  my $probes = $s->get('/v1/probes', @anon)->{content};
  all_whole('asn of /v1/probes', 2, numbers($probes, 'asn'));
};

subtest 'trap 8: what the command line client sends' => sub {
  my $r = $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1', limit => 2,
    inProgressUpdates => JSON::PP::true, locations => [ { magic => 'world' } ],
    measurementOptions => { packets => 1 } }, @anon);
  is($r->{status}, 202, 'limit, one magic location and inProgressUpdates') or diag $r->{content};
  is($r->{json}{probesCount}, 2, 'limit nodes of the one location');
  my $first = $s->finished($r->{json}{id});
  $r = $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1', limit => 1,
    inProgressUpdates => JSON::PP::false, locations => [ { magic => $first->{id} } ],
    measurementOptions => { packets => 1 } }, @anon);
  is($r->{status}, 202, '"from ID": the id as magic') or diag $r->{content};
  is($s->finished($r->{json}{id})->{results}[0]{probe}{city}, $first->{results}[0]{probe}{city}, 'its first node');
  my $id = $first->{id};
  for my $round (1 .. 3) {
    my $m = $s->measure({ type => 'ping', target => '127.0.0.1', inProgressUpdates => JSON::PP::true,
      locations => $id, measurementOptions => { packets => 1 } });
    is_deeply([ map { $_->{probe}{city} } @{ $m->{results} } ], [ map { $_->{probe}{city} } @{ $first->{results} } ],
      "--infinite, round $round: the same nodes");
    $id = $m->{id};
  }
};

subtest 'trap 9: what Uptime Kuma reads' => sub {
  my $r = $ping->{results}[0];
  is_deeply([ @{ $r->{probe} }{qw(city country network)} ], [ 'Paris', 'FR', 'Orange S.A.' ], 'the probe');
  is(scalar @{ $r->{result}{timings} }, 3, 'ping: timings');
  cmp_ok($r->{result}{stats}{avg}, '>', 0, 'ping: average');
  my $h = $http->{results}[0]{result};
  is_deeply([ @$h{qw(statusCode statusCodeName)} ], [ 200, 'OK' ], 'http: status');
  like($h->{timings}{total}, qr/^\d+$/, 'http: total');
  like($h->{rawOutput}, qr{^HTTP/1\.1 200.*hello}s, 'http: rawOutput');
  my $d = $dns->{results}[0]{result};
  is_deeply([ map { $_->{value} } @{ $d->{answers} } ], ['192.0.2.80'], 'dns: answers');
  cmp_ok($d->{timings}{total}, '>=', 0, 'dns: total');
  my $down = measured(http => '127.0.0.1', { protocol => 'HTTP', port => 1, %get })->{results}[0]{result};
  is($down->{status}, 'failed', 'what is down is "failed"');
  ok(length $down->{rawOutput}, 'and says why in rawOutput');
  my $lost = measured(dns => 'nosuch.example.com', { resolver => '127.0.0.1', port => $dns_port })->{results}[0]{result};
  is_deeply([ @$lost{qw(status statusCode)}, $lost->{answers} ], [ 'finished', 3, [] ], 'NXDOMAIN is an answer');
};

subtest 'a probe, and its resolvers' => sub {
  my $probe = $trace->{results}[0]{probe};
  for my $list ($probe->{resolvers}, map { $_->{resolvers} } @{ $s->get('/v1/probes', @anon)->{json} }) {
    ok(@$list >= 1 && @$list <= 8, 'some, and not many');
    is_deeply([ grep { !/^(?:private|\d+\.\d+\.\d+\.\d+|[0-9a-f:]+)$/ } @$list ], [], 'addresses or "private"');
  }
};
done_testing;
