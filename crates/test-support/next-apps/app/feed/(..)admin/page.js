import { MARKER } from '../../../marker';

export default function Page() {
  return <h1>{MARKER} intercepted</h1>;
}
