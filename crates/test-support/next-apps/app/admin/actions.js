'use server';

import { MARKER } from '../../marker';

export async function reveal() {
  return MARKER;
}
