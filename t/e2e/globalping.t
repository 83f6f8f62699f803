#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What clients of Globalping rely on: answers of all five types, locations, ids, headers, errors.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use B ();
use IO::Socket::INET;
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP;
use Test::More;

my $s = Sonde->new;
$s->start_controller('--anonymous');
my %places = (
  paris => { country => 'FR', city => 'Paris', region => '', continent => '', asn => 3215,
    network => 'Orange S.A.', tags => 'eyeball-network,u-mine', latitude => 48.86,
    longitude => 2.35 },
  newyork => { country => 'US', city => 'New York', region => '', continent => '',
    asn => 13335, network => 'Cloudflare', tags => 'datacenter-network,aws-us-east-1',
    latitude => 40.71, longitude => -74.01 },
  tokyo => { country => 'JP', city => 'Tokyo', region => '', continent => '', asn => 2516,
    network => 'KDDI CORPORATION', latitude => 35.68, longitude => 139.69 },
);
for my $name (sort keys %places) {
  my %p = %{ $places{$name} };
  delete @p{ grep { $p{$_} eq '' } keys %p } ;
  $s->start_node($name, flags => { map({ ($_ => undef) } qw(region continent)), %p });
}
$s->wait_online(sort keys %places);
$s->patch('/v1/nodes/newyork', { state => 'NY' });

sub is_int { my ($v) = @_; my $f = B::svref_2object(\$v)->FLAGS; return !ref $v && $f & B::SVf_IOK && !($f & B::SVf_POK) && !($f & B::SVf_NOK) }
sub nodes_of { return join ' ', sort map { lc $_->{probe}{city} } @{ $_[0]{results} } }
my @anon = (token => undef);
sub at {
  my ($locations, %more) = @_;
  my $r = $s->post('/v1/measurements', { type => 'echo', target => 'x', locations => $locations,
    %more }, @anon);
  return $r->{status} if $r->{status} != 202;
  return nodes_of($s->finished($r->{json}{id}));
}

subtest locations => sub {
  my @cases = (
    [ { country => 'fr' }, 'paris' ], [ { continent => 'AS' }, 'tokyo' ],
    [ { region => 'Western Europe' }, 'paris' ], [ { region => 'northern america' }, 'new york' ],
    [ { state => 'NY' }, 'new york' ], [ { city => 'tokyo' }, 'tokyo' ], [ { asn => 13335 }, 'new york' ],
    [ { network => 'kddi' }, 'tokyo' ], [ { tags => [ 'eyeball-network', 'u-mine' ] }, 'paris' ],
    [ { tags => [ 'eyeball-network', 'datacenter-network' ] }, 422 ],
    [ { magic => 'FR' }, 'paris' ], [ { magic => 'usa' }, 'new york' ], [ { magic => 'jpn' }, 'tokyo' ],
    [ { magic => 'france' }, 'paris' ], [ { magic => 'us-ny' }, 'new york' ],
    [ { magic => 'new york' }, 'new york' ], [ { magic => 'new-york' }, 'new york' ],
    [ { magic => 'eastern asia' }, 'tokyo' ], [ { magic => 'europe' }, 'paris' ],
    [ { magic => 'as3215' }, 'paris' ], [ { magic => 'orange' }, 'paris' ],
    [ { magic => 'aws' }, 'new york' ], [ { magic => 'aws-us' }, 'new york' ],
    [ { magic => 'u-mine' }, 'paris' ], [ { magic => 'us+cloudflare' }, 'new york' ],
    [ { magic => 'us+orange' }, 422 ], [ { magic => 'oky' }, 'tokyo' ],
    [ { magic => 'nowhere' }, 422 ], [ { country => 'FR', asn => 2516 }, 422 ],
    [ { latitude => 50, longitude => 3, radius => 300 }, 'paris' ],
    [ { latitude => 50, longitude => 3, radius => 50 }, 422 ],
  );
  is(at([ $_->[0] ]), $_->[1], encode_json($_->[0])) for @cases;
  is(at([ { magic => 'world', limit => 3 } ]), 'new york paris tokyo', 'world, limit of a location');
  is(at([ { country => 'FR' }, { country => 'JP' } ]), 'paris tokyo', 'several are OR');
  is(at([ { country => 'FR' }, { country => 'JP' } ], limit => 1) =~ /^(paris|tokyo)$/, 1, 'limit for all');
  is(at([ { magic => 'world', limit => 3 } ], exclude => [ { country => 'US' } ]), 'paris tokyo', 'exclude');
  is(at(undef, nodes => [qw(tokyo paris)]), 400, 'null locations');
  my $r = $s->measure({ type => 'echo', target => 'x', nodes => [qw(tokyo paris)] });
  is(nodes_of($r), 'paris tokyo', 'explicit nodes');
};

subtest answers => sub {
  my $r = $s->post('/v1/measurements', { type => 'PING', target => '127.0.0.1',
    measurementOptions => { packets => '2', protocol => 'icmp' },
    locations => [ { country => 'FR', limit => 1 }, { country => 'JP' } ] }, @anon);
  is($r->{status}, 202, 'accepted, whatever case, numbers as text') or diag $r->{content};
  is($r->{json}{probesCount}, 2, 'probesCount');
  like($r->{headers}{location}, qr{/v1/measurements/$r->{json}{id}$}, 'Location');
  is($r->{headers}{'x-request-cost'}, 2, 'X-Request-Cost');
  like($r->{json}{id}, qr/^[a-zA-Z0-9]{16,}$/, 'an id as clients expect');
  my $m = $s->finished($r->{json}{id});
  is($m->{type}, 'ping', 'type normalised');
  is_deeply($m->{locations}, [ { country => 'FR' }, { country => 'JP' } ], 'limit 1 is not shown');
  is_deeply($m->{measurementOptions}, { packets => 2 }, 'only options that differ');
  ok(!exists $m->{$_}, "no $_ where it is the default") for qw(limit timeout);
  like($m->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, $_) for qw(createdAt updatedAt);
  my $probe = $m->{results}[0]{probe};
  is($probe->{$_}, { continent => 'EU', region => 'Western Europe', country => 'FR', city => 'Paris',
    network => 'Orange S.A.' }->{$_}, "probe.$_") for qw(continent region country city network);
  is($probe->{state}, undef, 'probe.state is null');
  ok(is_int($probe->{asn}), 'probe.asn is an integer');
  is(ref $probe->{$_}, 'ARRAY', "probe.$_") for qw(tags resolvers);
  my $result = $m->{results}[0]{result};
  is($result->{status}, 'finished', 'finished');
  is(scalar @{ $result->{timings} }, 2, 'timings');
  ok(is_int($result->{stats}{$_}), "stats.$_ is an integer") for qw(total rcv drop);
  ok(is_int($result->{timings}[0]{ttl}), 'ttl is an integer');
  like($result->{rawOutput}, qr/2 packets transmitted/, 'rawOutput');
  my $l = $s->measure({ type => 'echo', target => 'x', limit => 2, timeout => 7 });
  is($l->{limit}, 2, 'limit that differs');
  is($l->{timeout}, 7, 'timeout that differs');
  my $t = $s->measure({ type => 'echo', target => 'x', limit => 1, timeout => 10 });
  ok(!exists $t->{$_}, "$_ given as the default is not shown") for qw(limit timeout);
};

subtest timeouts => sub {
  my %want = ('{"type":"ping","measurementOptions":{"packets":16}}' => 11,
    '{"type":"traceroute"}' => 10, '{"type":"mtr"}' => 11,
    '{"type":"mtr","measurementOptions":{"packets":16}}' => 17,
    '{"type":"dns"}' => 10, '{"type":"dns","measurementOptions":{"trace":true}}' => 25);
  for my $text (sort keys %want) {
    my $o = decode_json($text);
    my $post = sub { $s->post('/v1/measurements', { %$o, target => '127.0.0.1', timeout => $_[0],
      locations => [ { country => 'FR' } ],
      $o->{type} eq 'dns' ? (target => 'example.com') : () }) };
    my ($same, $other) = map { $post->($_) } $want{$text}, 29;
    is($same->{status}, 202, $text) or diag $same->{content};
    ok(!exists $s->get("/v1/measurements/$same->{json}{id}")->{json}{timeout}, "$text: $want{$text} s");
    is($s->get("/v1/measurements/$other->{json}{id}")->{json}{timeout}, 29, 'another is shown');
    $s->delete("/v1/measurements/$_->{json}{id}") for $same, $other;
  }
};

subtest reuse => sub {
  my $first = $s->measure({ type => 'echo', target => 'x', locations => [ { magic => 'world',
    limit => 3 } ] });
  my @ids = map { $_->{probe}{id} } @{ $first->{results} };
  for my $how ($first->{id}, [ { magic => $first->{id} } ]) {
    my $m = $s->measure({ type => 'echo', target => 'y', locations => $how });
    is_deeply([ map { $_->{probe}{id} } @{ $m->{results} } ], \@ids, 'the same nodes in order');
    is_deeply($m->{locations}, [ { magic => 'world', limit => 3 } ], 'locations of the first');
  }
  is($s->post('/v1/measurements', { type => 'echo', target => 'y',
    locations => '01arz3ndektsv4rrffq69g5fav' })->{json}{error}{type}, 'no_probes_found',
    'an unknown id: 422');
  $s->kill('tokyo', 'TERM');
  $s->until(10, sub { $s->node('tokyo')->{status} ne 'online' });
  my $m = $s->measure({ type => 'echo', target => 'y', locations => $first->{id} });
  is(scalar @{ $m->{results} }, 3, 'an offline node keeps its place');
  my ($off) = grep { $_->{result}{status} eq 'offline' } @{ $m->{results} };
  is($off->{result}{rawOutput}, 'This probe is currently offline. Please try again later.', 'offline');
  is($m->{status}, 'finished', 'and the measurement finishes');
};

subtest errors => sub {
  my $r = $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1', limit => 2,
    locations => [ { country => 'FR', limit => 1 } ] }, @anon);
  is($r->{status}, 400, 'limit twice: 400');
  is($r->{json}{error}{type}, 'validation_error', 'validation_error');
  is($r->{json}{error}{message}, 'Parameter validation failed.', 'its message');
  ok($r->{json}{error}{params}{limit}, 'params name the field');
  ok($r->{json}{links}{documentation}, 'a link to documentation');
  is($s->post('/v1/measurements', '{"type":', @anon)->{json}{error}{type}, 'api_error', 'broken JSON');
  $r = $s->post('/v1/measurements', { type => 'ping', target => 'x.example' }, token => 'wrong');
  is_deeply([ $r->{status}, $r->{json}{error}{type}, $r->{json}{error}{message} ],
    [ 401, 'unauthorized', 'Unauthorized.' ], 'a bad token');
  for my $auth ('Basic x', 'Bearer', 'Bearer a b') {
    is($s->get('/v1/probes', @anon, headers => { authorization => $auth })->{status}, 401, $auth);
  }
  $r = $s->get('/v1/measurements/nosuchid', @anon);
  is($r->{json}{error}{message}, "Couldn't find the requested measurement.", 'unknown id');
  $r = $s->post('/v1/measurements', { type => 'ping', target => 'x.example',
    locations => [ { country => 'AQ' } ] }, @anon);
  is($r->{status}, 422, 'no probes: 422');
  is($r->{json}{error}{message}, 'No matching IPv4 probes available.', 'its message');
  $r = $s->post('/v1/measurements', { type => 'ping', target => 'x.example',
    locations => [ { country => 'AQ' } ], measurementOptions => { ipVersion => 6 } }, @anon);
  is($r->{json}{error}{message}, 'No matching IPv6 probes available.', 'and for IPv6');
  is(at([ { country => $_ } ]), 422, "a country without nodes: $_") for qw(AQ de);
  my $dns = sub { $s->post('/v1/measurements', { type => 'dns', target => 'example.com', locations => [ { country => 'FR' } ],
    measurementOptions => { ipVersion => 4, @_ } }, @anon) };
  $r = $dns->(resolver => '127.0.0.1');
  is($r->{status}, 400, 'dns: ipVersion beside an address of a resolver');
  ok($r->{json}{error}{params}{'measurementOptions.ipVersion'}, 'is what is wrong') or diag $r->{content};
  is($dns->(resolver => 'resolver.example')->{status}, 202, 'beside its name it is not');
  is($s->post('/v1/measurements', { type => 'echo', target => 'x', locations => [ { country => 'FR' } ],
    inProgressUpdates => $_->[0] }, @anon)->{status}, $_->[1], "inProgressUpdates: $_->[0]")
    for [ 'true', 202 ], [ 'false', 202 ], [ 'yes', 400 ];
  is($s->get('/v1/measurements/', @anon)->{status}, 404, 'no trailing slash');
  for my $bad ({ magic => 'a+b+c+d+e' }, { magic => 'x' x 129 }, { tags => [ ('x') x 33 ] },
    { limit => 1 }, {}, { asn => 0 }, { continent => 'EUR' }, { tag => 'x' },
    { continent => 'XX' }, { continent => 'F A' }, { continent => 'E' }, { country => 'ZZ' }, { country => 'F' }) {
    is(at([$bad]), 400, 'refused: ' . substr encode_json($bad), 0, 40);
  }
};

subtest headers => sub {
  my $m = $s->measure({ type => 'echo', target => 'y' x 900, locations => [ { country => 'FR' } ] });
  my $r = $s->get("/v1/measurements/$m->{id}", @anon);
  like($r->{headers}{'content-type'}, qr{^application/json}, 'JSON');
  like($r->{headers}{etag}, qr{^W/"[0-9a-f]+-[0-9a-f]{16}"$}, 'ETag');
  is($r->{headers}{'cache-control'}, 'public, max-age=0', 'Cache-Control of a young one');
  is($r->{headers}{'access-control-allow-origin'}, '*', 'any origin');
  like($r->{headers}{link}, qr{rel="service-desc"}, 'Link');
  like($r->{headers}{'x-response-time'}, qr{^[\d.]+ms$}, 'X-Response-Time');
  my $n = $s->get("/v1/measurements/$m->{id}", @anon,
    headers => { 'if-none-match' => $r->{headers}{etag} });
  is($n->{status}, 304, 'not modified');
  is($n->{content} // '', '', 'without a body');
  is($n->{headers}{etag}, $r->{headers}{etag}, 'with the ETag');
  my $z = $s->get("/v1/measurements/$m->{id}", @anon, headers => { 'accept-encoding' => 'br, gzip' });
  is($z->{headers}{'content-encoding'}, 'gzip', 'gzip when asked for');
  gunzip(\$z->{content}, \my $plain);
  is($plain, $r->{content}, 'the same text');
  cmp_ok(length $z->{content}, '<', length $r->{content}, 'and shorter');
  is($z->{headers}{etag}, $r->{headers}{etag}, 'and the same ETag');
  for my $no ('br', 'gzip;q=0', 'identity') {
    my $p = $s->get("/v1/measurements/$m->{id}", @anon, headers => { 'accept-encoding' => $no });
    ok(!$p->{headers}{'content-encoding'}, "none for $no");
  }
  my $e = $s->get('/v1/measurements/nosuchid', @anon, headers => { 'accept-encoding' => 'gzip' });
  ok(!$e->{headers}{'content-encoding'}, 'never of an error');
  my $o = $s->request('OPTIONS', '/v1/measurements', undef, @anon);
  is($o->{status}, 204, 'preflight');
  like($o->{headers}{'access-control-allow-methods'}, qr/POST/, 'its methods');
  like($o->{headers}{'access-control-allow-headers'}, qr/Authorization/, 'its headers');
  my $p = $s->get('/v1/probes', @anon);
  is(ref $p->{json}, 'ARRAY', 'probes are a bare array');
  is($p->{headers}{'cache-control'}, 'public, max-age=1, stale-while-revalidate=1, stale-if-error=60',
    'their Cache-Control');
  is_deeply([ sort grep { /^(version|location|tags|resolvers)$/ } keys %{ $p->{json}[0] } ],
    [qw(location resolvers tags version)], 'their members');
  is($s->get('/health', @anon)->{content}, 'Alive', 'health');
};

subtest progress => sub {
  my $r = $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1',
    inProgressUpdates => JSON::PP::true, locations => [ { country => 'FR' } ],
    measurementOptions => { packets => 6 } }, @anon);
  my ($in, $partial, $shape) = (0, 0, 1);
  $s->until(20, sub {
    my $m = $s->get("/v1/measurements/$r->{json}{id}")->{json};
    my $one = $m->{results}[0]{result};
    $in++ if $one->{status} eq 'in-progress';
    $partial++ if $one->{status} eq 'in-progress' && $one->{rawOutput} =~ /bytes from/;
    $shape = 0 if !defined $one->{rawOutput};
    return $m->{status} eq 'finished';
  });
  ok($in, 'in progress first');
  ok($partial, 'partial output');
  ok($shape, 'rawOutput is always there');
};

subtest types => sub {
  my $web = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1') or die $!;
  my $port = $web->sockport;
  my $child = fork() // die $!;
  if (!$child) {
    while (my $c = $web->accept) {
      my $head = '';
      $head .= $_ while defined($_ = <$c>) && /\S/ && length $head < 9999;
      print $c "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\nConnection: close\r\n\r\nhello";
      close $c;
    }
    exit;
  }
  my $h = $s->measure({ type => 'http', target => '127.0.0.1', locations => [ { country => 'FR' } ],
    measurementOptions => { protocol => 'HTTP', port => $port, request => { method => 'GET',
    path => '/a', query => 'b=c', headers => { 'X-Test' => 'y' } } } });
  kill 'TERM', $child;
  waitpid $child, 0;
  my $r = $h->{results}[0]{result};
  is($r->{status}, 'finished', 'http') or diag explain $r;
  is($r->{statusCode}, 200, 'statusCode');
  is($r->{rawBody}, 'hello', 'rawBody');
  is($r->{headers}{'x-one'}, '1', 'headers');
  ok(exists $r->{tls} && !defined $r->{tls}, 'tls is null');
  for my $k (qw(total dns tcp tls firstByte download)) {
    my $v = $r->{timings}{$k};
    ok(!defined $v || is_int($v), "timings.$k is an integer or null");
  }
  my $m = $s->measure({ type => 'mtr', target => '127.0.0.1', locations => [ { country => 'FR' } ],
    measurementOptions => { packets => 2 } });
  $r = $m->{results}[0]{result};
  is($r->{status}, 'finished', 'mtr') or diag explain $r;
  ok(exists $r->{hops}[0]{stats}{$_}, "stats.$_")
    for qw(min avg max stDev jMin jAvg jMax total rcv drop loss);
  ok(is_int($r->{hops}[0]{stats}{$_}), "stats.$_ is an integer") for qw(total rcv drop);
  is(ref $r->{hops}[0]{asn}, 'ARRAY', 'asn');
  my $t = $s->measure({ type => 'traceroute', target => '127.0.0.1',
    locations => [ { country => 'FR' } ] });
  $r = $t->{results}[0]{result};
  is($r->{status}, 'finished', 'traceroute');
  is($r->{hops}[0]{resolvedAddress}, '127.0.0.1', 'hops');
};
done_testing;
