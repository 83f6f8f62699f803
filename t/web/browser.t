#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The dashboard in a real browser against a real controller and nodes: t/web/browser.mjs does the
# work and says its own results. Skips where node, the packages or Chromium are not there.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Cwd qw(abs_path);
use JSON::PP;
use Sonde;

sub skip_all {
  print "1..0 # SKIP $_[0]\n";
  exit 0;
}

my $src = abs_path($ENV{top_srcdir} || '.');
my ($chromium) = grep { $_ && -x $_ } $ENV{CHROMIUM}, '/usr/bin/chromium', '/usr/bin/chromium-browser';
skip_all('no node here') if system('node --version >/dev/null 2>&1');
skip_all('no Chromium here') if !$chromium;
skip_all('the packages of web/ are not installed') if !-d "$src/web/node_modules/playwright-core";
skip_all('the dashboard was not built')            if !-f "$src/web/dist/app.js";

my $s = Sonde->new;
open my $f, '>', "$s->{dir}/controller.yaml" or die $!;
print $f qq(verdicts: [verdict_quorum]\nverdict_params: '{"verdict_quorum":{"regions":1}}'\n);
close $f;
$s->start_controller('--config', "$s->{dir}/controller.yaml");
my @places = ([fra1 => 'eu-west', 'DE', 50.11, 8.68], [iad1 => 'us-east', 'US', 39.04, -77.49],
  [bom1 => 'ap-south', 'IN', 19.08, 72.88], [sin1 => 'ap-southeast', 'SG', 1.35, 103.82]);
for my $p (@places) {
  my ($name, $region, $country, $lat, $lon) = @$p;
  $s->start_node($name, flags => { region => $region, country => $country, latitude => $lat, longitude => $lon });
}
$s->start_node('new1', token => $s->registration_token(approve => JSON::PP::false));
$s->wait_online(map { $_->[0] } @places);

# Nobody listens there.
my $r = $s->post('/v1/schedules', { name => 'closed', type => 'tcp', target => '127.0.0.1', limit => 2,
  interval => '1s', locations => [ { magic => 'eu-west' }, { magic => 'us-east' } ],
  measurementOptions => { port => Sonde::free_port(), count => 1 } });
die $r->{content} if $r->{status} != 201;

my %env = (SONDE_URL => $s->url, SONDE_TOKEN => $s->{token}, CHROMIUM => $chromium, WEB => "$src/web",
  KILL_PID => $s->{pids}{bom1}, STOP_PID => $s->{pids}{sin1});
local @ENV{ keys %env } = values %env;
system('node', "$FindBin::Bin/browser.mjs");
exit($? ? 1 : 0);
