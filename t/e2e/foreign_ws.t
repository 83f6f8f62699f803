#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A websocket client that is not ours: the Python package websockets, where it is installed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Test::More;

my ($python) = grep { !system "$_ -c 'import websockets' 2>/dev/null" } 'python3', '/usr/bin/python3';
plan skip_all => 'python3-websockets is not installed' if !$python;
my $s = Sonde->new;
$s->start_controller;
open my $out, '-|', $python, "$FindBin::Bin/foreign_ws.py", "ws://$s->{host}:$s->{port}/v1/live", $s->{token}
  or die $!;
my $text = <$out> // '';
ok(close $out, 'it ends well');
is_deeply(eval { decode_json($text) }, {
  subprotocol => 'sonde.live.v1', extensions => 0, auth => { ok => 'auth' },
  subscribe => { id => "\x{e9}\x{1f600}", ok => 'subscribe' }, stats => JSON::PP::true, pongs => 10,
  close => [ 1000, '' ], binary => [ 1003, 'only text messages are understood' ],
  long => [ 1009, 'the message is too long' ], nonsense => [ 4400, 'A message is a JSON object.' ],
}, 'and hears what it should');
done_testing;
