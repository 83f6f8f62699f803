#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Measurements as a collection: waiting, listing, cancelling, running again; results by cursor, as
# JSON lines and CSV.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $s = Sonde->new;
$s->start_controller;
$s->start_nodes(qw(eu us));

subtest wait => sub {
  my $began = time;
  my $r = $s->post('/v1/measurements?wait=10s', { type => 'echo', target => 'x', limit => 2 });
  is($r->{status}, 200, 'finished while we waited');
  is($r->{json}{status}, 'finished', 'and says so');
  is(scalar @{ $r->{json}{results} }, 2, 'with results');
  cmp_ok(time - $began, '<', 5, 'as soon as it was');
  my %slow = (type => 'ping', target => '127.0.0.1',
    measurementOptions => { packets => 5, interval => '500ms' });
  $r = $s->post('/v1/measurements?wait=200ms', \%slow);
  is($r->{status}, 202, 'the time was over first');
  is($r->{json}{status}, 'in-progress', 'what there is');
  my $id = $r->{json}{id};
  is($s->get("/v1/measurements/$id?wait=100ms")->{json}{status}, 'in-progress', 'waiting again');
  is($s->get("/v1/measurements/$id?wait=20")->{json}{status}, 'finished', 'until it is over');
  is($s->get("/v1/measurements/$id?wait=20")->{json}{status}, 'finished', 'at once when it is');
  is($s->get("/v1/measurements/$id?wait=$_")->{status}, 400, "wait=$_") for qw(x 400 -1);
};

subtest cancel => sub {
  my $id = $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1',
    measurementOptions => { packets => 50 } })->{json}{id};
  $s->until(5, sub { ($s->node('node-eu')->{live}{active} || $s->node('node-us')->{live}{active}) });
  my $r = $s->delete("/v1/measurements/$id");
  is($r->{status}, 200, 'cancelled');
  is($r->{json}{cancelled}, 1, 'one task');
  my $m = $s->get("/v1/measurements/$id?wait=5")->{json};
  is($m->{status}, 'finished', 'over at once');
  is($m->{results}[0]{result}{failure}, 'cancelled', 'and the result says why');
  is($s->delete("/v1/measurements/$id")->{status}, 409, 'not twice');
  is($s->delete('/v1/measurements/01arz3ndektsv4rrffq69g5fav')->{status}, 404, 'nor what is not there');
  is($s->delete("/v1/measurements/$id", token => undef)->{status}, 401, 'nor by anybody');
};

subtest 'rerun of where not' => sub {
  my $m = $s->measure({ type => 'echo', target => 'x', limit => 1, exclude => [ { node => 'node-eu' } ] });
  is($m->{results}[0]{probe}{name}, 'node-us', 'where it is not excluded');
  for (1 .. 4) {
    my $r = $s->post("/v1/measurements/$m->{id}/rerun?wait=10", '');
    is($r->{json}{results}[0]{probe}{name}, 'node-us', 'again') or diag $r->{content};
  }
};

subtest rerun => sub {
  my $m = $s->measure({ type => 'echo', target => 'again', limit => 2, timeout => 20, priority => 70 });
  my $r = $s->post("/v1/measurements/$m->{id}/rerun?nodes=same&wait=10", '');
  is($r->{status}, 200, 'again') or diag $r->{content};
  isnt($r->{json}{id}, $m->{id}, 'another measurement');
  is($r->{json}{$_}, $m->{$_}, "the same $_") for qw(type target timeout limit);
  is_deeply([ map { $_->{probe}{id} } @{ $r->{json}{results} } ],
    [ map { $_->{probe}{id} } @{ $m->{results} } ], 'the same nodes');
};

my @ids = map { $_->{id} } @{ $s->post('/v1/measurements',
  [ map { { type => 'echo', target => "t$_", limit => 2 } } 1 .. 300 ])->{json} };
$s->finished($_) for @ids;

subtest list => sub {
  my ($cursor, @seen) = ('');
  for (1 .. 20) {
    my $r = $s->get("/v1/measurements?limit=77&type=echo$cursor")->{json};
    push @seen, map { $_->{id} } @{ $r->{measurements} };
    last unless $r->{next};
    $cursor = "&cursor=$r->{next}";
  }
  my %seen = map { ($_ => 1) } @seen;
  is(scalar(keys %seen), scalar @seen, 'no measurement twice');
  is(scalar(grep { $seen{$_} } @ids), 300, 'all of them');
  is_deeply(\@seen, [ reverse sort @seen ], 'newest first');
  my $one = $s->get('/v1/measurements?target=t7')->{json}{measurements};
  is(scalar @$one, 1, 'by target');
  is($one->[0]{id}, $ids[6], 'that one');
  is(scalar @{ $s->get('/v1/measurements?status=in-progress')->{json}{measurements} }, 0, 'by status');
  my $all = $s->get('/v1/measurements?limit=1000')->{json}{measurements};
  my $at = $all->[100]{createdAt};
  my $until = $s->get("/v1/measurements?limit=1000&until=$at")->{json}{measurements};
  my $since = $s->get("/v1/measurements?limit=1000&since=$at")->{json}{measurements};
  is(@$until + @$since, @$all, 'since and until part the list');
  is($s->get("/v1/measurements?$_")->{status}, 400, $_)
    for qw(limit=0 limit=x cursor=x status=x since=yesterday);
  is($s->get('/v1/measurements', token => undef)->{status}, 401, 'not for everybody');
};

subtest results => sub {
  my ($next, @rows) = (1);
  for (1 .. 50) {
    my $r = $s->get("/v1/results?cursor=$next&limit=99&type=echo")->{json};
    push @rows, @{ $r->{results} };
    $next = $r->{next};
    last unless $r->{more};
  }
  my @n = map { $_->{ingest} } @rows;
  is_deeply(\@n, [ sort { $a <=> $b } @n ], 'in order of ingest');
  my %of = map { ($_ => 1) } @ids;
  is(scalar(grep { $of{ $_->{measurement} } } @rows), 600, 'every result once');
  is($rows[-1]{result}{status}, 'finished', 'with its body');
  my $none = $s->get("/v1/results?cursor=$next")->{json};
  is(scalar @{ $none->{results} }, 0, 'nothing new');
  $s->measure({ type => 'echo', target => 'new' });
  my $new = $s->get("/v1/results?cursor=$next")->{json}{results};
  is(scalar @$new, 1, 'the cursor finds what is new');
  is($new->[0]{target}, 'new', 'that');
  is(scalar @{ $s->get("/v1/results?measurement=$ids[5]")->{json}{results} }, 2, 'by measurement');
  my $node = $s->get('/v1/results?node=node-us&limit=1000')->{json}{results};
  is(scalar(grep { $_->{nodeName} ne 'node-us' } @$node), 0, 'by node');
  my $gone = $s->get('/v1/results?failure=cancelled')->{json}{results};
  is(scalar(grep { !$_->{late} } @$gone), 1, 'by failure; what the node says after it is late');
  is($s->get("/v1/results?$_")->{status}, 400, $_) for qw(node=zz cursor=0 measurement=x until=x);
};

subtest export => sub {
  my $r = $s->get('/v1/export?type=echo');
  is($r->{headers}{'content-type'}, 'application/x-ndjson', 'JSON lines');
  my @lines = split /\n/, $r->{content};
  my @rows = map { decode_json($_) } @lines;
  cmp_ok(scalar @rows, '>', 600, 'all rows');
  my $csv = $s->get('/v1/export?format=csv&type=ping');
  my @csv = split /\r\n/, $csv->{content};
  like($csv[0], qr/^ingest,received_at,/, 'a header');
  my @names = split /,/, $csv[0];
  my %first;
  @first{@names} = split /,/, $csv[1], -1;
  is($first{type}, 'ping', 'CSV rows');
  cmp_ok($first{avg_ms}, '>', 0, 'with figures');
  is($first{loss_percent}, 0, 'and loss');
  is(scalar(grep { (split /,/, $_, -1) != @names } @csv), 0, 'every row is whole');
  is($s->get('/v1/export?format=xml')->{status}, 400, 'no other format');
  is($s->get('/v1/export', token => undef)->{status}, 401, 'not for everybody');

  # A stream that nobody wants to see: its head, and the connection goes on.
  my $c = IO::Socket::INET->new(PeerAddr => $s->{host}, PeerPort => $s->{port}, Timeout => 20) or die $!;
  $c->autoflush(1);
  for my $path ('/v1/export', '/health') {
    print $c "HEAD $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $s->{token}\r\n\r\n";
    my @head;
    while (defined(my $line = <$c>)) { last if $line eq "\r\n"; push @head, $line }
    like($head[0] // '', qr{^HTTP/1\.1 200 }, "HEAD $path");
  }
};

subtest client => sub {
  my ($rc, $out, $err) = $s->cli(qw(measurement ls --type echo --limit 3));
  is($rc, 0, 'measurement ls') or diag $err;
  is(scalar(split /\n/, $out), 4, 'a header and three lines');
  ($rc, $out) = $s->cli('measurement', 'rerun', $ids[0], '--same-nodes');
  is($rc, 0, 'measurement rerun');
  chomp $out;
  is($s->finished($out)->{target}, 't1', 'the same again');
  ($rc, $out, $err) = $s->cli('measurement', 'cancel', $out);
  is($rc, 1, 'nothing to cancel');
  like($err, qr/finished/, 'and why');
  ($rc, $out) = $s->cli(qw(export --type echo));
  is($rc, 0, 'export');
  my $all = $s->get('/v1/export?type=echo')->{content};
  is(scalar(split /\n/, $out), scalar(split /\n/, $all), 'as many rows as the API has');
  ($rc, $out) = $s->cli(qw(export -o csv --target), 't7');
  my @rows = split /\r\n/, $out;
  is(scalar @rows, 3, 'CSV with one header');
  like($rows[0], qr/^ingest,received_at,started_at,node,/, 'the columns of the API');
};

subtest 'constant memory' => sub {
  my $big = 'z' x 60_000;
  $s->finished($_) for map { $s->post('/v1/measurements', { type => 'echo', target => $big,
    limit => 2 })->{json}{id} } 1 .. 60;
  my $rss = sub {
    open my $f, '<', "/proc/$s->{pids}{controller}/status" or die $!;
    local $/;
    return <$f> =~ /RssAnon:\s+(\d+)/ ? $1 : 0;
  };
  my ($bytes, $before, $top) = (0, $rss->(), 0);
  my $r = $s->{http}->request('GET', $s->url . '/v1/export', { headers => { authorization =>
    "Bearer $s->{token}" }, data_callback => sub { $bytes += length $_[0]; my $now = $rss->();
    $top = $now if $now > $top } });
  is($r->{status}, 200, 'streamed');
  cmp_ok($bytes, '>', 7_000_000, "$bytes bytes");
  SKIP: {
    skip 'a sanitizer keeps freed memory', 1 if $s->sanitized;
    cmp_ok($top - $before, '<', 4096, 'at most 4 MiB more while it runs (' . ($top - $before) . ' KiB)');
  }
  my $c = IO::Socket::INET->new(PeerAddr => $s->{host}, PeerPort => $s->{port}) or die $!;
  print $c "GET /v1/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $s->{token}\r\n\r\n";
  read $c, my $some, 1000;
  close $c;
  is($s->get('/health')->{status}, 200, 'a reader that leaves harms nobody');
};
done_testing;
