#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What a client of a full store sees: nothing new is taken (507), reading, administration and, over the
# map, a backup go on, and all goes on where it stopped when there is space again. That nothing is lost
# meanwhile is t/delivery/full.t's.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Test::More;
use Time::HiRes qw(sleep);

my %echo = (type => 'echo', target => 'x');
sub is_full {
  my ($s, $what) = @_;
  my $r;
  ok($s->until(30, sub { ($r = $s->post('/v1/measurements', \%echo))->{status} == 507 }), "$what: 507")
    or diag "$r->{status} $r->{content}";
  is($r->{json}{error}{type}, 'storage_full', "$what: and says so");
  ok($r->{headers}{'retry-after'}, "$what: and when to come again");
  is($s->get('/ready')->{status}, 503, "$what: not ready");
  is($s->get('/health')->{status}, 200, "$what: alive");
  is($s->get($_)->{status}, 200, "$what: GET $_") for '/v1/results', '/v1/measurements', '/v1/nodes', '/v1/stats';
}

subtest 'the map' => sub {
  my $s = Sonde->new;
  $s->start_controller('--store-map', 16 << 20);
  $s->start_nodes('eu');
  my $m = $s->measure(\%echo);
  is($s->post('/v1/schedules', { %echo, name => 'every', interval => '1s' })->{status}, 201, 'a schedule');
  ok($s->until(30, sub { $s->get('/v1/schedules/every')->{json}{received} > 1 }), 'that is run');
  # Versions of policies (20 of each are kept): administration, which is taken until the very end.
  my $n = 0;
  my $big = '-- ' . 'x' x 90_000 . "\nreturn { api = 1, summary = \"big\", pick = function(req, set, view) return lb.least(set, view.load, req.want) end }\n";
  ok($s->until(120, sub {
    my $r = $s->put("/v1/policies/big" . int($n++ / 20), { source => "-- $n\n$big" });
    die "policy: $r->{status} $r->{content}" if $r->{status} != 200;
    return $s->get('/ready')->{status} == 503;
  }), 'full') or return;
  is_full($s, 'the map');
  is($s->get("/v1/measurements/$m->{id}")->{json}{status}, 'finished', 'what was stored can be read');
  is($s->put('/v1/policies/big0', { source => $big })->{status}, 200, 'administration is still taken');
  is($s->delete('/v1/policies/big0/shadow')->{status}, 204, 'and what deletes');
  ok($s->until(30, sub { ($s->node('node-eu')->{live}{spoolCount} || 0) > 1 }), 'the node keeps its results');
  my $stuck = $s->get('/v1/results?limit=1000')->{json}{next};
  my ($rc, $out, $err) = $s->cli('backup', "$s->{dir}/full.backup");
  is($rc, 0, 'a backup can be made') or diag $err;
  is($s->get('/v1/results?limit=1000')->{json}{next}, $stuck, 'nothing was acknowledged meanwhile');
  $s->kill('controller', 'TERM');
  $s->start_controller;
  $s->wait_online('node-eu');
  ok($s->until(60, sub { $s->node('node-eu')->{live}{spoolCount} < 3 &&
    $s->get('/v1/results?limit=1000')->{json}{next} > $stuck }), 'with more room the results come');
  my $every;
  ok($s->until(60, sub { $every = $s->get('/v1/schedules/every')->{json}; $every->{received} > 3 && !$every->{missing} }),
    'none is missing') or diag encode_json($every);
  is($s->measure(\%echo)->{status}, 'finished', 'and measuring goes on');
};

subtest 'the disk' => sub {
  plan skip_all => 'a mount namespace needs root' if $>;
  plan skip_all => 'no mount namespaces here' if system('unshare -m true 2>/dev/null');
  my $s = Sonde->new;
  my $dir = "$s->{dir}/controller";
  mkdir $dir or die $!;
  $s->spawn('controller', 'unshare', '-m', 'sh', '-c',
    "mount -t tmpfs -o size=120m,mode=700 none '$dir' && exec \"\$@\"", 'sh', $s->controller_command);
  my $up = $s->until(30, sub { $s->get('/ready')->{status} == 200 && -s "$s->{dir}/admin.token" });
  plan skip_all => 'no tmpfs here' if !$up && $s->log('controller') =~ /mount:/;
  ok($up, 'a controller on a small disk') or diag($s->log('controller')), return;
  open my $f, '<', "$s->{dir}/admin.token" or die $!;
  chomp($s->{token} = <$f>);
  $s->start_nodes('eu');
  my $m = $s->measure(\%echo);
  my $filler = "/proc/$s->{pids}{controller}/root$dir/filler";
  my $fill = sub {
    open my $o, '>>', $filler or die "$filler: $!";
    my $mib = "\0" x (1 << 20);
    for (1 .. $_[0]) { (syswrite($o, $mib) // 0) == length $mib or last }
  };
  $fill->(200);
  is_full($s, 'no space');
  my $r;
  for (1 .. 40) { # pages that were free are used up first
    $r = $s->post('/v1/registration-tokens', { description => 'x' x 250 });
    last if $r->{status} != 201;
  }
  is($s->get("/v1/measurements/$m->{id}")->{json}{status}, 'finished', 'what was stored can be read');
  is($s->post('/v1/backup')->{status}, 507, 'no backup on this disk');
  is($s->get('/health')->{status}, 200, 'alive');
  unlink $filler or die $!;
  ok($s->until(30, sub { $s->get('/ready')->{status} == 200 }), 'space again');
  $s->wait_online('node-eu'); # which was sent away with its results
  is($s->measure(\%echo)->{status}, 'finished', 'and measuring goes on');
  is($s->post('/v1/registration-tokens', {})->{status}, 201, 'as does administration');
};
done_testing;
