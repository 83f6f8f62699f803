#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Full disks, for real: small file systems in memory, in a mount namespace. A node's and the controller's,
# and a store that may not grow. Nothing that was promised is lost, nothing is acknowledged that is
# not stored, the operator is told, and all goes on by itself when there is room again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use Delivery;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

if (!$ENV{SONDE_FULL_INSIDE}) {
  plan skip_all => 'no mount namespace to be had'
    if system('unshare --mount mount -t tmpfs -o size=1m none /mnt 2>/dev/null');
  $ENV{SONDE_FULL_INSIDE} = 1;
  exec 'unshare', '--mount', '--propagation', 'private', $^X, $0 or die "unshare: $!";
}

my @mounted;
END { my $rc = $?; system('umount', '-l', $_) for @mounted; $? = $rc }

sub small_disk {
  my ($dir, $size) = @_;
  mkdir $dir;
  system('mount', '-t', 'tmpfs', '-o', "size=$size,mode=0700", 'none', $dir) == 0 or die "mount: $?";
  push @mounted, $dir;
}

# Takes all the room there is; what was there already is less now.
sub fill {
  my ($dir) = @_;
  open my $f, '>>', "$dir/ballast" or die $!;
  1 while syswrite $f, "\0" x 65536;
  1 while syswrite $f, "\0" x 512;
  close $f;
}
sub make_room { my ($dir) = @_; unlink "$dir/ballast" or die $! }

sub room {
  my ($dir) = @_;
  my ($free) = `df --output=avail -k $dir` =~ /(\d+)\s*$/;
  return $free;
}

sub well {
  my ($d, $what, %o) = @_;
  my @wrong = $d->check(%o);
  is(scalar @wrong, 0, "$what: " . $d->total . ' results, the invariants hold')
    or diag join "\n", @wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)];
}

sub note_of { my ($s, $name) = @_; my $n = $s->node($name); return $n ? $n->{note} : '' }

subtest 'the disk of the nodes is full while the controller is away' => sub {
  my $d = Delivery->new(nodes => 2, rate => 3000, flags => [ '-m', 500_000_000, '-k', 0 ]);
  my $s = $d->{sonde};
  small_disk("$s->{dir}/fleet", '3m');
  $s->start_controller;
  $d->start_fleet;
  $s->kill('controller', 'TERM');
  ok($s->until(60, sub { room("$s->{dir}/fleet") == 0 }), 'no room is left');
  $s->until(20, sub { $s->log('fleet') =~ /cannot write/ });
  like($s->log('fleet'), qr/cannot write/, 'the nodes say so');
  $s->start_controller;
  ok($d->drain(120), 'all is acknowledged in the end') or diag $s->log('fleet');
  well($d, 'a full disk', no_loss => 1);
};

subtest 'the operator sees a node whose disk is full' => sub {
  my $s = Sonde->new;
  small_disk("$s->{dir}/node-a", '2m');
  $s->start_controller;
  $s->start_node('node-a');
  $s->start_node('node-b');
  $s->wait_online('node-a', 'node-b');
  fill("$s->{dir}/node-a");
  my (@asked, $shown);
  ok($s->until(60, sub {
    return 1 if note_of($s, 'node-a') =~ /disk cannot be written/;
    my $r = $s->post('/v1/measurements', { type => 'echo', target => 'x' x 200, limit => 2 });
    push @asked, $r->{json}{id} if $r->{status} == 202;
    sleep 0.2;
    return 0;
  }), 'its note says so') or diag $s->log('node-a');
  like(($s->cli('node', 'ls'))[1], qr/^node-a\b.* disk cannot be written /m, 'sonde node ls');
  my $m = $s->measure({ type => 'echo', target => 'x', limit => 2 });
  is_deeply([ map { $_->{probe}{name} // '' } @{ $m->{results} } ], [ 'node-b' ], 'it is given nothing') or diag encode_json($m);
  like(($s->cli('measurement', 'explain', $m->{id}))[1], qr/1 by storage/, 'explain says why');
  make_room("$s->{dir}/node-a");
  ok($s->until(60, sub { note_of($s, 'node-a') eq '' }), 'with room it goes on by itself') or diag $s->log('node-a');
  my @kinds = map { "$_->{kind} $_->{severity}" } grep { $_->{kind} eq 'node.storage' } @{ $s->get('/v1/events')->{json} };
  is_deeply(\@kinds, [ 'node.storage info', 'node.storage warning' ], 'both are events');
  my @odd = grep { my $r = $s->finished($_, 60); $r->{status} ne 'finished' || grep { $_->{result}{status} eq 'in-progress' } @{ $r->{results} } } @asked;
  is(scalar @odd, 0, @asked . ' measurements, each with its end') or diag encode_json($s->get("/v1/measurements/$odd[0]")->{json});
  is(scalar @{ $s->measure({ type => 'echo', target => 'x', limit => 2 })->{results} }, 2, 'and is chosen again');
};

subtest 'the disk of the controller is full' => sub {
  my $d = Delivery->new(nodes => 2, rate => 500);
  my $s = $d->{sonde};
  small_disk("$s->{dir}/controller", '160m');
  $s->start_controller;
  $s->start_node('node-a');
  $s->wait_online('node-a');
  $d->start_fleet;
  fill("$s->{dir}/controller");
  ok($s->until(60, sub { $s->get('/ready')->{status} == 503 }), 'it is not ready') or diag $s->log('controller');
  is($s->get('/v1/nodes')->{status}, 200, 'reads work');
  my $refused = $s->post('/v1/measurements', { type => 'echo', target => 'x' });
  is("$refused->{status} $refused->{json}{error}{type}", '507 storage_full', 'a measurement is refused');
  ok($s->until(20, sub { (($s->get('/v1/events?kind=store.full')->{json} || [])->[0]{severity} // '') eq 'error' }),
    'an event says it');
  my $made = $d->total;
  $s->until(20, sub { $d->total > $made + 1000 });
  make_room("$s->{dir}/controller");
  ok($s->until(60, sub { $s->get('/ready')->{status} == 200 }), 'ready again, by itself') or diag $s->log('controller');
  ok($d->drain(120), 'all is acknowledged in the end') or diag substr($s->log('fleet'), -2000) . substr($s->log('controller'), -2000);
  well($d, 'a full disk of the controller', exact => 1);
};

subtest 'the store may not grow' => sub {
  my $d = Delivery->new(nodes => 2, rate => 6000);
  my $s = $d->{sonde};
  $s->start_controller('--store-map', 16777216);
  $d->start_fleet;
  ok($s->until(120, sub { $s->get('/ready')->{status} == 503 }), 'it is not ready');
  my $stored = sub { ($s->get('/metrics')->{content} =~ /^sonde_results_stored_total (\d+)$/m)[0] };
  my $before = $stored->();
  cmp_ok($before, '>', 1000, 'results were stored');
  is($s->get('/v1/nodes')->{status}, 200, 'reads work');
  $s->kill('controller', 'TERM');
  $s->start_controller;
  ok($d->drain(120), 'with a larger map all is acknowledged in the end') or diag substr($s->log('fleet'), -2000);
  well($d, 'a full store', exact => 1);
};
done_testing;
