'use client';

import { useState } from 'react';
import { reveal } from './actions';

export default function Reveal() {
  const [text, setText] = useState('');
  return <button onClick={async () => setText(await reveal())}>Reveal {text}</button>;
}
