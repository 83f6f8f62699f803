#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# /v1/live: what happens is told as it happens, a backlog from a cursor, and a slow reader learns how
# much it missed while the controller's memory stays where it was.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Live;
use Sonde;
use JSON::PP;
use Test::More;

my $s = Sonde->new;
$s->start_controller('--log-level', 'warn');
$s->start_nodes(qw(eu us));
my $echo = sub { $s->measure({ type => 'echo', target => $_[0], limit => $_[1] || 1 }) };
my $rows = sub { map { @{ $_->{results} || [] } } @_ };

subtest results => sub {
  $echo->('before');
  my $l = Live->new($s);
  $l->say({ op => 'subscribe', id => 'a', topic => 'results', filter => { type => 'echo' } });
  is($l->next(5)->{ok}, 'subscribe', 'subscribed');
  $echo->('now', 2);
  my $told = 0;
  my @rows = $rows->($l->until(5, sub { ($told += @{ $_[0]{results} || [] }) >= 2 }));
  is(scalar @rows, 2, 'two results, none of before');
  is($rows[0]{target}, 'now', 'with their target');
  is($rows[0]{result}{status}, 'finished', 'and body');
  $l->say({ op => 'subscribe', id => 'b', topic => 'results', cursor => 1 });
  my ($got, @back) = (0);
  @back = $rows->(grep { $_->{id} eq 'b' } $l->until(5, sub { $got += @{ $_[0]{results} || [] }; $got >= 3 }));
  is_deeply([ map { $_->{ingest} } @back ], [ 1 .. 3 ], 'a backlog from a cursor, in order');
  $l->say({ op => 'unsubscribe', id => 'a' });
  $l->until(5, sub { ($_[0]{ok} || '') eq 'unsubscribe' });
  $echo->('after');
  is_deeply([ map { $_->{id} } $l->until(1, sub { 0 }) ], ['b'], 'unsubscribed');
};

subtest measurement => sub {
  my $id = $s->post('/v1/measurements', { type => 'ping', target => '127.0.0.1', limit => 2,
    measurementOptions => { packets => 3 } })->{json}{id};
  my $l = Live->new($s, token => undef);
  $l->say({ op => 'subscribe', id => 'm', topic => 'measurement', measurement => $id });
  my @seen = $l->until(10, sub { ($_[0]{measurement}{status} || '') eq 'finished' });
  is($seen[1]{measurement}{status}, 'in-progress', 'what is there first, without a token');
  is(scalar($rows->(@seen)), 2, 'each result');
  is($seen[-1]{measurement}{status}, 'finished', 'then the whole');
  $l->say({ op => 'subscribe', id => 'm', topic => 'measurement', measurement => $id });
  my ($again) = grep { $_->{measurement} } $l->until(5, sub { $_[0]{measurement} });
  is($again->{measurement}{status}, 'finished', 'what is over is told at once');
};

subtest 'nodes and stats' => sub {
  my $l = Live->new($s);
  $l->say({ op => 'subscribe', id => 'n', topic => 'nodes' });
  $l->say({ op => 'subscribe', id => 's', topic => 'stats', every => 1 });
  my $n = $s->node('node-eu');
  $s->patch("/v1/nodes/$n->{id}", { enabled => JSON::PP::false });
  my @seen = $l->until(5, sub { $_[0]{node} });
  is($seen[-1]{node}{status}, 'disabled', 'a node that changes');
  $s->patch("/v1/nodes/$n->{id}", { enabled => JSON::PP::true });
  @seen = $l->until(5, sub { $_[0]{stats} });
  is($seen[-1]{stats}{nodes}{online} + $seen[-1]{stats}{nodes}{disabled}, 2, 'figures');
  $s->wait_online('node-eu');
};

subtest refused => sub {
  my $l = Live->new($s, token => undef);
  $l->say({ op => 'subscribe', id => 'r', topic => $_ }) for qw(results nodes stats);
  is(scalar(grep { ($_->{error} || '') =~ /token/ } map { $l->next(2) } 1 .. 3), 3, 'no token');
  $l->say({ op => 'subscribe', id => 'r', topic => 'secrets' });
  like($l->next(2)->{error}, qr/topics are/, 'no such topic');
  $l->say({ op => 'fly', id => 'r' });
  like($l->next(2)->{error}, qr/op is/, 'no such op');
  $l->say({ op => 'auth', token => 'sonde_wrong' });
  is($l->next(2)->{closed}, 4401, 'a wrong token');
  for my $bad ('[]', '{"op":', 'x' x 20_000, '{"op":"subscribe"}') {
    my $b = Live->new($s, token => undef);
    $b->say($bad);
    like($b->next(2)->{closed}, qr/^(4400|1009)$/, 'closed: ' . substr $bad, 0, 20);
  }
  my $m = Live->new($s);
  for my $o ([ cursor => 'x' ], [ cursor => 0 ], [ filter => { colour => 1 } ], [ filter => { node => 'no' } ]) {
    $m->say({ op => 'subscribe', id => 'q', topic => 'results', @$o });
    ok($m->next(2)->{error}, "refused: $o->[0]");
  }
  $m->say({ op => 'subscribe', id => "s$_", topic => 'stats', every => 3600 }) for 1 .. 33;
  my @all = $m->until(5, sub { $_[0]{error} });
  like($all[-1]{error}, qr/32/, 'at most 32');
};

subtest 'a slow reader' => sub {
  my $rss = sub {
    open my $f, '<', "/proc/$s->{pids}{controller}/status" or die $!;
    local $/;
    return <$f> =~ /RssAnon:\s+(\d+)/ ? $1 : 0;
  };
  my $l = Live->new($s, rcvbuf => 4096);
  $l->say({ op => 'subscribe', id => 'slow', topic => 'results' });
  is($l->next(5)->{ok}, 'subscribe', 'subscribed, and then nothing is read');
  my $target = 'z' x 700;
  my $batch = sub {
    my $ids = $s->post('/v1/measurements', [ map { { type => 'echo', target => $target, limit => 2 } }
      1 .. 100 ])->{json};
    $s->finished($_->{id}, 60) for $ids->[-1];
  };
  $batch->() for 1 .. 5;
  my $before = $rss->();
  # One message now and then: a reader that takes nothing for 25 s is closed.
  my @early;
  for my $i (1 .. 95) {
    $batch->();
    push @early, grep { $_ } $l->next(2) if $i % 5 == 0;
  }
  my $after = $rss->();
  my $stored = $s->get('/v1/stats')->{json}{results}{stored};
  SKIP: {
    skip 'a sanitizer keeps freed memory', 1 if $s->sanitized;
    cmp_ok($after - $before, '<', 16384, "memory stays (" . ($after - $before) . ' KiB more)');
  }
  my ($got, $missed, $next, $hole) = (0, 0, 0, 0);
  my $look = sub {
    my ($m) = @_;
    $missed += $m->{missed} if $m->{missed};
    my $r = $m->{results} || [];
    $got += @$r;
    $next = $m->{next} || $next;
    return $next > $stored;
  };
  $look->($_) for @early;
  my @seen = (@early, $l->until(20, $look));
  cmp_ok($missed, '>', 0, "told of $missed missed");
  my ($told) = grep { $_->{missed} } @seen;
  is($told->{next} - $told->{from}, $told->{missed}, 'and where they are');
  my $first = (map { @{ $_->{results} || [] } } @seen)[0]{ingest};
  is($first + $got + $missed, $next, 'told and missed are all there were');
};
done_testing;
