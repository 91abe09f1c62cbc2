;; Winograd's minimal filtering F(4x4, 3x3) for convolutions with stride 1, and F(3x3, 4x4) for the gradient of their
;; filters, on the memory of TensorFlow.js (docs/decisions/winograd-wasm.md). Four channels at once, in SIMD.
;;
;; The points are 0, a, -a, b, -b and infinity, with a = 3/4 and b = 3/2. A tile is 4x4 pixels of the output and sees
;; 6x6 of the input. All addresses and steps are in bytes, all counts in what their name says. What is transformed lies
;; in one of two layouts, for each of the 36 points, which are an odd number of 64 bytes apart, so that they fall
;; on different lines of a cache:
;;
;;   rows    [channels / 4][tiles][4]     inputs, and outputs before they are transformed back
;;   panels  [channels / 8][n][8]         filters (n: inputs), signals (n: tiles), sums for the filters (n: inputs)
(module
  (import "env" "memory" (memory 1))

  ;; Transforms along one axis: $count times, of values $step apart from $from on, to values $toStep apart from $to on.

  ;; Input, 6 -> 6:
  ;;   [a²b², 0, -a²-b², 0, 1, 0], [0, -ab², -b², a, 1, 0], [0, ab², -b², -a, 1, 0],
  ;;   [0, -a²b, -a², b, 1, 0], [0, a²b, -a², -b, 1, 0], [0, a²b², 0, -a²-b², 0, 1]
  (func $input
    (param $from i32) (param $step i32) (param $next i32)
    (param $to i32) (param $toStep i32) (param $toNext i32) (param $count i32)
    (local $p i32) (local $d0 v128) (local $d1 v128) (local $d2 v128) (local $d3 v128) (local $d4 v128) (local $d5 v128)
    (local $even v128) (local $odd v128)
    (loop $again
      (local.set $d0 (v128.load (local.get $from)))
      (local.set $d1 (v128.load (local.tee $p (i32.add (local.get $from) (local.get $step)))))
      (local.set $d2 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $d3 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $d4 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $d5 (v128.load (i32.add (local.get $p) (local.get $step))))
      (v128.store (local.get $to) (f32x4.add (local.get $d4) (f32x4.sub
        (f32x4.mul (local.get $d0) (v128.const f32x4 1.265625 1.265625 1.265625 1.265625))
        (f32x4.mul (local.get $d2) (v128.const f32x4 2.8125 2.8125 2.8125 2.8125)))))
      (local.set $even (f32x4.sub (local.get $d4)
        (f32x4.mul (local.get $d2) (v128.const f32x4 2.25 2.25 2.25 2.25))))
      (local.set $odd (f32x4.mul (v128.const f32x4 0.75 0.75 0.75 0.75) (f32x4.sub (local.get $d3)
        (f32x4.mul (local.get $d1) (v128.const f32x4 2.25 2.25 2.25 2.25)))))
      (v128.store (local.tee $p (i32.add (local.get $to) (local.get $toStep)))
        (f32x4.add (local.get $even) (local.get $odd)))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.sub (local.get $even) (local.get $odd)))
      (local.set $even (f32x4.sub (local.get $d4)
        (f32x4.mul (local.get $d2) (v128.const f32x4 0.5625 0.5625 0.5625 0.5625))))
      (local.set $odd (f32x4.mul (v128.const f32x4 1.5 1.5 1.5 1.5) (f32x4.sub (local.get $d3)
        (f32x4.mul (local.get $d1) (v128.const f32x4 0.5625 0.5625 0.5625 0.5625)))))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.add (local.get $even) (local.get $odd)))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.sub (local.get $even) (local.get $odd)))
      (v128.store (i32.add (local.get $p) (local.get $toStep)) (f32x4.add (local.get $d5) (f32x4.sub
        (f32x4.mul (local.get $d1) (v128.const f32x4 1.265625 1.265625 1.265625 1.265625))
        (f32x4.mul (local.get $d3) (v128.const f32x4 2.8125 2.8125 2.8125 2.8125)))))
      (local.set $from (i32.add (local.get $from) (local.get $next)))
      (local.set $to (i32.add (local.get $to) (local.get $toNext)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; Filter, 3 -> 6: [1, p, p²] over the product of p's distances to the other finite points; [0, 0, 1].
  ;; These products are 81/64 for 0, -243/128 for a and -a, 243/32 for b and -b.
  (func $filter
    (param $from i32) (param $step i32) (param $next i32)
    (param $to i32) (param $toStep i32) (param $toNext i32) (param $count i32)
    (local $p i32) (local $g0 v128) (local $g1 v128) (local $g2 v128) (local $even v128) (local $odd v128)
    (loop $again
      (local.set $g0 (v128.load (local.get $from)))
      (local.set $g1 (v128.load (local.tee $p (i32.add (local.get $from) (local.get $step)))))
      (local.set $g2 (v128.load (i32.add (local.get $p) (local.get $step))))
      (v128.store (local.get $to) (f32x4.mul (local.get $g0) (f32x4.splat (f32.div (f32.const 64) (f32.const 81)))))
      (local.set $even (f32x4.mul (f32x4.splat (f32.div (f32.const -128) (f32.const 243)))
        (f32x4.add (local.get $g0) (f32x4.mul (local.get $g2) (v128.const f32x4 0.5625 0.5625 0.5625 0.5625)))))
      (local.set $odd (f32x4.mul (local.get $g1) (f32x4.splat (f32.div (f32.const -96) (f32.const 243)))))
      (v128.store (local.tee $p (i32.add (local.get $to) (local.get $toStep)))
        (f32x4.add (local.get $even) (local.get $odd)))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.sub (local.get $even) (local.get $odd)))
      (local.set $even (f32x4.mul (f32x4.splat (f32.div (f32.const 32) (f32.const 243)))
        (f32x4.add (local.get $g0) (f32x4.mul (local.get $g2) (v128.const f32x4 2.25 2.25 2.25 2.25)))))
      (local.set $odd (f32x4.mul (local.get $g1) (f32x4.splat (f32.div (f32.const 48) (f32.const 243)))))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.add (local.get $even) (local.get $odd)))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.sub (local.get $even) (local.get $odd)))
      (v128.store (i32.add (local.get $p) (local.get $toStep)) (local.get $g2))
      (local.set $from (i32.add (local.get $from) (local.get $next)))
      (local.set $to (i32.add (local.get $to) (local.get $toNext)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; Output, 6 -> 4: columns [1, p, p², p³]; [0, 0, 0, 1]. Then $bias is added, and what is below $least becomes $least.
  (func $output
    (param $from i32) (param $step i32) (param $next i32)
    (param $to i32) (param $toStep i32) (param $toNext i32) (param $count i32) (param $bias v128) (param $least v128)
    (local $p i32) (local $m0 v128) (local $m1 v128) (local $m2 v128) (local $m3 v128) (local $m4 v128) (local $m5 v128)
    (local $sumA v128) (local $sumB v128) (local $differenceA v128) (local $differenceB v128)
    (loop $again
      (local.set $m0 (v128.load (local.get $from)))
      (local.set $m1 (v128.load (local.tee $p (i32.add (local.get $from) (local.get $step)))))
      (local.set $m2 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $m3 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $m4 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $m5 (v128.load (i32.add (local.get $p) (local.get $step))))
      (local.set $sumA (f32x4.add (local.get $m1) (local.get $m2)))
      (local.set $sumB (f32x4.add (local.get $m3) (local.get $m4)))
      (local.set $differenceA (f32x4.sub (local.get $m1) (local.get $m2)))
      (local.set $differenceB (f32x4.sub (local.get $m3) (local.get $m4)))
      (v128.store (local.get $to) (f32x4.pmax (f32x4.add (local.get $bias)
        (f32x4.add (local.get $m0) (f32x4.add (local.get $sumA) (local.get $sumB)))) (local.get $least)))
      (v128.store (local.tee $p (i32.add (local.get $to) (local.get $toStep)))
        (f32x4.pmax (f32x4.add (local.get $bias) (f32x4.add
          (f32x4.mul (local.get $differenceA) (v128.const f32x4 0.75 0.75 0.75 0.75))
          (f32x4.mul (local.get $differenceB) (v128.const f32x4 1.5 1.5 1.5 1.5)))) (local.get $least)))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.pmax (f32x4.add (local.get $bias) (f32x4.add
          (f32x4.mul (local.get $sumA) (v128.const f32x4 0.5625 0.5625 0.5625 0.5625))
          (f32x4.mul (local.get $sumB) (v128.const f32x4 2.25 2.25 2.25 2.25)))) (local.get $least)))
      (v128.store (i32.add (local.get $p) (local.get $toStep))
        (f32x4.pmax (f32x4.add (local.get $bias) (f32x4.add (local.get $m5) (f32x4.add
          (f32x4.mul (local.get $differenceA) (v128.const f32x4 0.421875 0.421875 0.421875 0.421875))
          (f32x4.mul (local.get $differenceB) (v128.const f32x4 3.375 3.375 3.375 3.375))))) (local.get $least)))
      (local.set $from (i32.add (local.get $from) (local.get $next)))
      (local.set $to (i32.add (local.get $to) (local.get $toNext)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; Signal, 4 -> 6: the transposed of the output's.
  (func $signal
    (param $from i32) (param $step i32) (param $next i32)
    (param $to i32) (param $toStep i32) (param $toNext i32) (param $count i32)
    (local $p i32) (local $z0 v128) (local $z1 v128) (local $z2 v128) (local $z3 v128) (local $even v128) (local $odd v128)
    (loop $again
      (local.set $z0 (v128.load (local.get $from)))
      (local.set $z1 (v128.load (local.tee $p (i32.add (local.get $from) (local.get $step)))))
      (local.set $z2 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $z3 (v128.load (i32.add (local.get $p) (local.get $step))))
      (v128.store (local.get $to) (local.get $z0))
      (local.set $even (f32x4.add (local.get $z0)
        (f32x4.mul (local.get $z2) (v128.const f32x4 0.5625 0.5625 0.5625 0.5625))))
      (local.set $odd (f32x4.add (f32x4.mul (local.get $z1) (v128.const f32x4 0.75 0.75 0.75 0.75))
        (f32x4.mul (local.get $z3) (v128.const f32x4 0.421875 0.421875 0.421875 0.421875))))
      (v128.store (local.tee $p (i32.add (local.get $to) (local.get $toStep)))
        (f32x4.add (local.get $even) (local.get $odd)))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.sub (local.get $even) (local.get $odd)))
      (local.set $even (f32x4.add (local.get $z0)
        (f32x4.mul (local.get $z2) (v128.const f32x4 2.25 2.25 2.25 2.25))))
      (local.set $odd (f32x4.add (f32x4.mul (local.get $z1) (v128.const f32x4 1.5 1.5 1.5 1.5))
        (f32x4.mul (local.get $z3) (v128.const f32x4 3.375 3.375 3.375 3.375))))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.add (local.get $even) (local.get $odd)))
      (v128.store (local.tee $p (i32.add (local.get $p) (local.get $toStep)))
        (f32x4.sub (local.get $even) (local.get $odd)))
      (v128.store (i32.add (local.get $p) (local.get $toStep)) (local.get $z3))
      (local.set $from (i32.add (local.get $from) (local.get $next)))
      (local.set $to (i32.add (local.get $to) (local.get $toNext)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; Sums for a filter, 6 -> 3: the transposed of the filter's.
  (func $sums
    (param $from i32) (param $step i32) (param $next i32)
    (param $to i32) (param $toStep i32) (param $toNext i32) (param $count i32)
    (local $p i32) (local $s1 v128) (local $s2 v128) (local $s3 v128) (local $s4 v128)
    (local $sumA v128) (local $sumB v128) (local $s0 v128)
    (loop $again
      (local.set $s0 (f32x4.mul (v128.load (local.get $from)) (f32x4.splat (f32.div (f32.const 64) (f32.const 81)))))
      (local.set $s1 (v128.load (local.tee $p (i32.add (local.get $from) (local.get $step)))))
      (local.set $s2 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $s3 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $s4 (v128.load (local.tee $p (i32.add (local.get $p) (local.get $step)))))
      (local.set $sumA (f32x4.mul (f32x4.add (local.get $s1) (local.get $s2))
        (f32x4.splat (f32.div (f32.const -128) (f32.const 243)))))
      (local.set $sumB (f32x4.mul (f32x4.add (local.get $s3) (local.get $s4))
        (f32x4.splat (f32.div (f32.const 32) (f32.const 243)))))
      (v128.store (local.get $to) (f32x4.add (local.get $s0) (f32x4.add (local.get $sumA) (local.get $sumB))))
      (v128.store (i32.add (local.get $to) (local.get $toStep)) (f32x4.add
        (f32x4.mul (f32x4.sub (local.get $s1) (local.get $s2)) (f32x4.splat (f32.div (f32.const -96) (f32.const 243))))
        (f32x4.mul (f32x4.sub (local.get $s3) (local.get $s4)) (f32x4.splat (f32.div (f32.const 48) (f32.const 243))))))
      (v128.store (i32.add (local.get $to) (i32.shl (local.get $toStep) (i32.const 1)))
        (f32x4.add (v128.load (i32.add (local.get $p) (local.get $step))) (f32x4.add
          (f32x4.mul (local.get $sumA) (v128.const f32x4 0.5625 0.5625 0.5625 0.5625))
          (f32x4.mul (local.get $sumB) (v128.const f32x4 2.25 2.25 2.25 2.25)))))
      (local.set $from (i32.add (local.get $from) (local.get $next)))
      (local.set $to (i32.add (local.get $to) (local.get $toNext)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; Where tile $tile begins in images [.., $height, $width, pixels of $pixel bytes] that have $across x $down tiles.
  (func $tileAt (param $images i32) (param $height i32) (param $width i32) (param $pixel i32)
    (param $across i32) (param $down i32) (param $tile i32) (result i32)
    (local $row i32)
    (local.set $row (i32.div_u (local.get $tile) (local.get $across)))
    (i32.add (local.get $images) (i32.mul (local.get $pixel) (i32.add
      (i32.shl (i32.rem_u (local.get $tile) (local.get $across)) (i32.const 2))
      (i32.mul (local.get $width) (i32.add
        (i32.mul (local.get $height) (i32.div_u (local.get $row) (local.get $down)))
        (i32.shl (i32.rem_u (local.get $row) (local.get $down)) (i32.const 2))))))))

  ;; $count tiles from tile $first of padded images, with all channels, into rows of $tiles.
  (func (export "transformInputs")
    (param $images i32) (param $height i32) (param $width i32) (param $channels i32) (param $across i32) (param $down i32)
    (param $first i32) (param $count i32) (param $to i32) (param $tiles i32) (param $scratch i32)
    (local $tile i32) (local $from i32) (local $target i32) (local $left i32) (local $pixel i32) (local $point i32)
    (local.set $pixel (i32.shl (local.get $channels) (i32.const 2)))
    (local.set $point (i32.or (i32.mul (local.get $pixel) (local.get $tiles)) (i32.const 64)))
    (loop $eachTile
      (local.set $from (call $tileAt (local.get $images) (local.get $height) (local.get $width) (local.get $pixel)
        (local.get $across) (local.get $down) (i32.add (local.get $first) (local.get $tile))))
      (local.set $target (i32.add (local.get $to) (i32.shl (local.get $tile) (i32.const 4))))
      (local.set $left (local.get $channels))
      (loop $eachFour
        (call $input (local.get $from) (i32.mul (local.get $pixel) (local.get $width)) (local.get $pixel)
          (local.get $scratch) (i32.const 96) (i32.const 16) (i32.const 6))
        (call $input (local.get $scratch) (i32.const 16) (i32.const 96)
          (local.get $target) (local.get $point) (i32.mul (local.get $point) (i32.const 6)) (i32.const 6))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $target (i32.add (local.get $target) (i32.shl (local.get $tiles) (i32.const 4))))
        (br_if $eachFour (local.tee $left (i32.sub (local.get $left) (i32.const 4)))))
      (br_if $eachTile (i32.lt_u
        (local.tee $tile (i32.add (local.get $tile) (i32.const 1))) (local.get $count)))))

  ;; $count tiles from tile $first of signals, padded to whole tiles, $channels of $all from the one that $images begins
  ;; with, into panels of $tiles.
  (func (export "transformSignals")
    (param $images i32) (param $height i32) (param $width i32) (param $channels i32) (param $across i32) (param $down i32)
    (param $first i32) (param $count i32) (param $to i32) (param $tiles i32) (param $scratch i32)
    (param $all i32)
    (local $tile i32) (local $from i32) (local $target i32) (local $done i32) (local $pixel i32) (local $point i32)
    (local.set $pixel (i32.shl (local.get $all) (i32.const 2)))
    (local.set $point (i32.or (i32.const 64) (i32.mul (i32.shl (local.get $tiles) (i32.const 5))
      (i32.shr_u (i32.add (local.get $channels) (i32.const 7)) (i32.const 3)))))
    (loop $eachTile
      (local.set $from (call $tileAt (local.get $images) (local.get $height) (local.get $width) (local.get $pixel)
        (local.get $across) (local.get $down) (i32.add (local.get $first) (local.get $tile))))
      (local.set $done (i32.const 0))
      (loop $eachFour
        (local.set $target (i32.add
          (i32.add (local.get $to) (i32.shl (local.get $tile) (i32.const 5)))
          (i32.add (i32.mul (i32.shr_u (local.get $done) (i32.const 3)) (i32.shl (local.get $tiles) (i32.const 5)))
            (i32.shl (i32.and (local.get $done) (i32.const 4)) (i32.const 2)))))
        (call $signal (local.get $from) (i32.mul (local.get $pixel) (local.get $width)) (local.get $pixel)
          (local.get $scratch) (i32.const 96) (i32.const 16) (i32.const 4))
        (call $signal (local.get $scratch) (i32.const 16) (i32.const 96)
          (local.get $target) (local.get $point) (i32.mul (local.get $point) (i32.const 6)) (i32.const 6))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (br_if $eachFour (i32.lt_u
          (local.tee $done (i32.add (local.get $done) (i32.const 4))) (local.get $channels))))
      (br_if $eachTile (i32.lt_u
        (local.tee $tile (i32.add (local.get $tile) (i32.const 1))) (local.get $count)))))

  ;; Filters [3, 3, $inputs, $all], $outputs of them from the one that $filters begins with, into panels of $rows inputs.
  (func (export "transformFilters")
    (param $filters i32) (param $inputs i32) (param $outputs i32) (param $all i32)
    (param $to i32) (param $rows i32) (param $scratch i32)
    (local $i i32) (local $done i32) (local $from i32) (local $target i32) (local $tap i32) (local $point i32)
    (local.set $tap (i32.shl (i32.mul (local.get $inputs) (local.get $all)) (i32.const 2)))
    (local.set $point (i32.or (i32.const 64) (i32.mul (i32.shl (local.get $rows) (i32.const 5))
      (i32.shr_u (i32.add (local.get $outputs) (i32.const 7)) (i32.const 3)))))
    (loop $eachInput
      (local.set $from (i32.add (local.get $filters)
        (i32.shl (i32.mul (local.get $i) (local.get $all)) (i32.const 2))))
      (local.set $done (i32.const 0))
      (loop $eachFour
        (local.set $target (i32.add
          (i32.add (local.get $to) (i32.shl (local.get $i) (i32.const 5)))
          (i32.add (i32.mul (i32.shr_u (local.get $done) (i32.const 3)) (i32.shl (local.get $rows) (i32.const 5)))
            (i32.shl (i32.and (local.get $done) (i32.const 4)) (i32.const 2)))))
        (call $filter (local.get $from) (i32.mul (local.get $tap) (i32.const 3)) (local.get $tap)
          (local.get $scratch) (i32.const 96) (i32.const 16) (i32.const 3))
        (call $filter (local.get $scratch) (i32.const 16) (i32.const 96)
          (local.get $target) (local.get $point) (i32.mul (local.get $point) (i32.const 6)) (i32.const 6))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (br_if $eachFour (i32.lt_u
          (local.tee $done (i32.add (local.get $done) (i32.const 4))) (local.get $outputs))))
      (br_if $eachInput (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $inputs)))))

  ;; $count tiles of rows back into outputs, padded to whole tiles, $channels of $all from the one that $images begins
  ;; with; $bias (or 0: none) begins with the same.
  (func (export "transformOutputs")
    (param $images i32) (param $height i32) (param $width i32) (param $channels i32) (param $across i32) (param $down i32)
    (param $first i32) (param $count i32) (param $rows i32) (param $tiles i32) (param $scratch i32)
    (param $all i32) (param $bias i32) (param $relu i32)
    (local $tile i32) (local $to i32) (local $from i32) (local $done i32) (local $pixel i32) (local $point i32)
    (local $offset v128) (local $least v128)
    (local.set $pixel (i32.shl (local.get $all) (i32.const 2)))
    (local.set $point (i32.or (i32.const 64) (i32.mul (i32.shl (local.get $tiles) (i32.const 5))
      (i32.shr_u (i32.add (local.get $channels) (i32.const 7)) (i32.const 3)))))
    (local.set $least (f32x4.splat (select (f32.const 0) (f32.const -inf) (local.get $relu))))
    (loop $eachTile
      (local.set $to (call $tileAt (local.get $images) (local.get $height) (local.get $width) (local.get $pixel)
        (local.get $across) (local.get $down) (i32.add (local.get $first) (local.get $tile))))
      (local.set $from (i32.add (local.get $rows) (i32.shl (local.get $tile) (i32.const 4))))
      (local.set $done (i32.const 0))
      (loop $eachFour
        (if (local.get $bias) (then (local.set $offset
          (v128.load (i32.add (local.get $bias) (i32.shl (local.get $done) (i32.const 2)))))))
        (call $output (local.get $from) (i32.mul (local.get $point) (i32.const 6)) (local.get $point)
          (local.get $scratch) (i32.const 96) (i32.const 16) (i32.const 6)
          (v128.const f32x4 0 0 0 0) (v128.const f32x4 -inf -inf -inf -inf))
        (call $output (local.get $scratch) (i32.const 16) (i32.const 96)
          (local.get $to) (local.get $pixel) (i32.mul (local.get $pixel) (local.get $width)) (i32.const 4)
          (local.get $offset) (local.get $least))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (local.set $from (i32.add (local.get $from) (i32.shl (local.get $tiles) (i32.const 4))))
        (br_if $eachFour (i32.lt_u
          (local.tee $done (i32.add (local.get $done) (i32.const 4))) (local.get $channels))))
      (br_if $eachTile (i32.lt_u
        (local.tee $tile (i32.add (local.get $tile) (i32.const 1))) (local.get $count)))))

  ;; Panels of sums of $rows inputs into gradients [3, 3, $inputs, $all], $outputs of them from the one that $filters
  ;; begins with.
  (func (export "transformSums")
    (param $filters i32) (param $inputs i32) (param $outputs i32) (param $all i32)
    (param $sums i32) (param $rows i32) (param $scratch i32)
    (local $i i32) (local $done i32) (local $to i32) (local $from i32) (local $tap i32) (local $point i32)
    (local.set $tap (i32.shl (i32.mul (local.get $inputs) (local.get $all)) (i32.const 2)))
    (local.set $point (i32.or (i32.const 64) (i32.mul (i32.shl (local.get $rows) (i32.const 5))
      (i32.shr_u (i32.add (local.get $outputs) (i32.const 7)) (i32.const 3)))))
    (loop $eachInput
      (local.set $to (i32.add (local.get $filters)
        (i32.shl (i32.mul (local.get $i) (local.get $all)) (i32.const 2))))
      (local.set $done (i32.const 0))
      (loop $eachFour
        (local.set $from (i32.add
          (i32.add (local.get $sums) (i32.shl (local.get $i) (i32.const 5)))
          (i32.add (i32.mul (i32.shr_u (local.get $done) (i32.const 3)) (i32.shl (local.get $rows) (i32.const 5)))
            (i32.shl (i32.and (local.get $done) (i32.const 4)) (i32.const 2)))))
        (call $sums (local.get $from) (i32.mul (local.get $point) (i32.const 6)) (local.get $point)
          (local.get $scratch) (i32.const 96) (i32.const 16) (i32.const 6))
        (call $sums (local.get $scratch) (i32.const 16) (i32.const 96)
          (local.get $to) (local.get $tap) (i32.mul (local.get $tap) (i32.const 3)) (i32.const 3))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (br_if $eachFour (i32.lt_u
          (local.tee $done (i32.add (local.get $done) (i32.const 4))) (local.get $outputs))))
      (br_if $eachInput (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $inputs)))))
  ;; The product of rows of $tiles (a multiple of 4) with panels of $inputs (another), for one point after the other: for
  ;; 4 tiles and 8 outputs at once, summed over the inputs in their order. $panels: outputs over 8.
  (func (export "multiply")
    (param $rows i32) (param $panels i32) (param $to i32) (param $tiles i32) (param $inputs i32) (param $eights i32)
    (local $point i32) (local $eight i32) (local $tile i32) (local $fours i32) (local $four i32)
    (local $a i32) (local $b i32) (local $panel i32) (local $target i32) (local $out i32) (local $tileBytes i32)
    (local $left v128) (local $right v128) (local $value v128)
    (local $s0L v128) (local $s0R v128) (local $s1L v128) (local $s1R v128)
    (local $s2L v128) (local $s2R v128) (local $s3L v128) (local $s3R v128)
    (local.set $tileBytes (i32.shl (local.get $tiles) (i32.const 4)))
    (loop $eachPoint
      (local.set $panel (local.get $panels))
      (local.set $target (local.get $to))
      (local.set $eight (i32.const 0))
      (loop $eachPanel
        (local.set $tile (i32.const 0))
        (loop $eachTile
          (local.set $s0L (v128.const f32x4 0 0 0 0))
          (local.set $s0R (v128.const f32x4 0 0 0 0))
          (local.set $s1L (v128.const f32x4 0 0 0 0))
          (local.set $s1R (v128.const f32x4 0 0 0 0))
          (local.set $s2L (v128.const f32x4 0 0 0 0))
          (local.set $s2R (v128.const f32x4 0 0 0 0))
          (local.set $s3L (v128.const f32x4 0 0 0 0))
          (local.set $s3R (v128.const f32x4 0 0 0 0))
          (local.set $a (i32.add (local.get $rows) (local.get $tile)))
          (local.set $b (local.get $panel))
          (local.set $fours (local.get $inputs))
          (loop $eachFour
            (local.set $four (i32.const 4))
            (loop $each
              (local.set $left (v128.load (local.get $b)))
              (local.set $right (v128.load offset=16 (local.get $b)))
              (local.set $value (v128.load32_splat (local.get $a)))
              (local.set $s0L (f32x4.add (local.get $s0L) (f32x4.mul (local.get $value) (local.get $left))))
              (local.set $s0R (f32x4.add (local.get $s0R) (f32x4.mul (local.get $value) (local.get $right))))
              (local.set $value (v128.load32_splat offset=16 (local.get $a)))
              (local.set $s1L (f32x4.add (local.get $s1L) (f32x4.mul (local.get $value) (local.get $left))))
              (local.set $s1R (f32x4.add (local.get $s1R) (f32x4.mul (local.get $value) (local.get $right))))
              (local.set $value (v128.load32_splat offset=32 (local.get $a)))
              (local.set $s2L (f32x4.add (local.get $s2L) (f32x4.mul (local.get $value) (local.get $left))))
              (local.set $s2R (f32x4.add (local.get $s2R) (f32x4.mul (local.get $value) (local.get $right))))
              (local.set $value (v128.load32_splat offset=48 (local.get $a)))
              (local.set $s3L (f32x4.add (local.get $s3L) (f32x4.mul (local.get $value) (local.get $left))))
              (local.set $s3R (f32x4.add (local.get $s3R) (f32x4.mul (local.get $value) (local.get $right))))
              (local.set $a (i32.add (local.get $a) (i32.const 4)))
              (local.set $b (i32.add (local.get $b) (i32.const 32)))
              (br_if $each (local.tee $four (i32.sub (local.get $four) (i32.const 1)))))
            (local.set $a (i32.add (local.get $a) (i32.sub (local.get $tileBytes) (i32.const 16))))
            (br_if $eachFour (local.tee $fours (i32.sub (local.get $fours) (i32.const 4)))))
          (local.set $out (i32.add (local.get $target) (local.get $tile)))
          (v128.store (local.get $out) (local.get $s0L))
          (v128.store offset=16 (local.get $out) (local.get $s1L))
          (v128.store offset=32 (local.get $out) (local.get $s2L))
          (v128.store offset=48 (local.get $out) (local.get $s3L))
          (local.set $out (i32.add (local.get $out) (local.get $tileBytes)))
          (v128.store (local.get $out) (local.get $s0R))
          (v128.store offset=16 (local.get $out) (local.get $s1R))
          (v128.store offset=32 (local.get $out) (local.get $s2R))
          (v128.store offset=48 (local.get $out) (local.get $s3R))
          (br_if $eachTile (i32.lt_u
            (local.tee $tile (i32.add (local.get $tile) (i32.const 64))) (local.get $tileBytes))))
        (local.set $target (i32.add (local.get $target) (i32.shl (local.get $tileBytes) (i32.const 1))))
        (local.set $panel (i32.add (local.get $panel) (i32.shl (local.get $inputs) (i32.const 5))))
        (br_if $eachPanel (i32.lt_u
          (local.tee $eight (i32.add (local.get $eight) (i32.const 1))) (local.get $eights))))
      (local.set $rows (i32.add (local.get $rows)
        (i32.or (i32.const 64) (i32.mul (local.get $tileBytes) (i32.shr_u (local.get $inputs) (i32.const 2))))))
      (local.set $panels (i32.add (local.get $panels)
        (i32.or (i32.const 64) (i32.mul (local.get $eights) (i32.shl (local.get $inputs) (i32.const 5))))))
      (local.set $to (i32.add (local.get $to)
        (i32.or (i32.const 64) (i32.mul (local.get $eights) (i32.shl (local.get $tileBytes) (i32.const 1))))))
      (br_if $eachPoint (i32.lt_u
        (local.tee $point (i32.add (local.get $point) (i32.const 1))) (i32.const 36)))))

  ;; To panels of sums of $inputs is added the product of rows of $tiles, transposed, with panels of $tiles (signals):
  ;; for 4 inputs and 8 outputs at once, summed over the tiles in their order. $eights: outputs over 8.
  (func (export "accumulate")
    (param $rows i32) (param $panels i32) (param $to i32) (param $tiles i32) (param $inputs i32) (param $eights i32)
    (local $point i32) (local $eight i32) (local $input i32) (local $tile i32)
    (local $a i32) (local $b i32) (local $panel i32) (local $target i32)
    (local $left v128) (local $right v128) (local $value v128)
    (local $s0L v128) (local $s0R v128) (local $s1L v128) (local $s1R v128)
    (local $s2L v128) (local $s2R v128) (local $s3L v128) (local $s3R v128)
    (loop $eachPoint
      (local.set $panel (local.get $panels))
      (local.set $target (local.get $to))
      (local.set $eight (i32.const 0))
      (loop $eachPanel
        (local.set $a (local.get $rows))
        (local.set $input (i32.const 0))
        (loop $eachFour
          (local.set $s0L (v128.load (local.get $target)))
          (local.set $s0R (v128.load offset=16 (local.get $target)))
          (local.set $s1L (v128.load offset=32 (local.get $target)))
          (local.set $s1R (v128.load offset=48 (local.get $target)))
          (local.set $s2L (v128.load offset=64 (local.get $target)))
          (local.set $s2R (v128.load offset=80 (local.get $target)))
          (local.set $s3L (v128.load offset=96 (local.get $target)))
          (local.set $s3R (v128.load offset=112 (local.get $target)))
          (local.set $b (local.get $panel))
          (local.set $tile (local.get $tiles))
          (loop $each
            (local.set $left (v128.load (local.get $b)))
            (local.set $right (v128.load offset=16 (local.get $b)))
            (local.set $value (v128.load32_splat (local.get $a)))
            (local.set $s0L (f32x4.add (local.get $s0L) (f32x4.mul (local.get $value) (local.get $left))))
            (local.set $s0R (f32x4.add (local.get $s0R) (f32x4.mul (local.get $value) (local.get $right))))
            (local.set $value (v128.load32_splat offset=4 (local.get $a)))
            (local.set $s1L (f32x4.add (local.get $s1L) (f32x4.mul (local.get $value) (local.get $left))))
            (local.set $s1R (f32x4.add (local.get $s1R) (f32x4.mul (local.get $value) (local.get $right))))
            (local.set $value (v128.load32_splat offset=8 (local.get $a)))
            (local.set $s2L (f32x4.add (local.get $s2L) (f32x4.mul (local.get $value) (local.get $left))))
            (local.set $s2R (f32x4.add (local.get $s2R) (f32x4.mul (local.get $value) (local.get $right))))
            (local.set $value (v128.load32_splat offset=12 (local.get $a)))
            (local.set $s3L (f32x4.add (local.get $s3L) (f32x4.mul (local.get $value) (local.get $left))))
            (local.set $s3R (f32x4.add (local.get $s3R) (f32x4.mul (local.get $value) (local.get $right))))
            (local.set $a (i32.add (local.get $a) (i32.const 16)))
            (local.set $b (i32.add (local.get $b) (i32.const 32)))
            (br_if $each (local.tee $tile (i32.sub (local.get $tile) (i32.const 1)))))
          (v128.store (local.get $target) (local.get $s0L))
          (v128.store offset=16 (local.get $target) (local.get $s0R))
          (v128.store offset=32 (local.get $target) (local.get $s1L))
          (v128.store offset=48 (local.get $target) (local.get $s1R))
          (v128.store offset=64 (local.get $target) (local.get $s2L))
          (v128.store offset=80 (local.get $target) (local.get $s2R))
          (v128.store offset=96 (local.get $target) (local.get $s3L))
          (v128.store offset=112 (local.get $target) (local.get $s3R))
          (local.set $target (i32.add (local.get $target) (i32.const 128)))
          (br_if $eachFour (i32.lt_u
            (local.tee $input (i32.add (local.get $input) (i32.const 4))) (local.get $inputs))))
        (local.set $panel (i32.add (local.get $panel) (i32.shl (local.get $tiles) (i32.const 5))))
        (br_if $eachPanel (i32.lt_u
          (local.tee $eight (i32.add (local.get $eight) (i32.const 1))) (local.get $eights))))
      (local.set $rows (i32.add (local.get $rows)
        (i32.or (i32.const 64) (i32.mul (local.get $tiles) (i32.shl (local.get $inputs) (i32.const 2))))))
      (local.set $panels (i32.add (local.get $panels)
        (i32.or (i32.const 64) (i32.mul (local.get $eights) (i32.shl (local.get $tiles) (i32.const 5))))))
      (local.set $to (i32.add (local.get $to)
        (i32.or (i32.const 64) (i32.mul (local.get $eights) (i32.shl (local.get $inputs) (i32.const 5))))))
      (br_if $eachPoint (i32.lt_u
        (local.tee $point (i32.add (local.get $point) (i32.const 1))) (i32.const 36)))))
)
